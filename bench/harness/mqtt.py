"""Readings over MQTT beside those over HTTP, and beside a native listener of the same durability."""

import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import time

from harness.contestants import GATEHOUSE, LIMIT, start_gatehouse
from harness.fixture import READINGS_MS, copy, fill
from harness.measure import drive
from harness.paths import LIMIT_PROGRAM, WORK, say, words_of
from harness.report import machine, number
from harness.rows import BULK_ROWS, ROWS
from harness.servers import free_port

TITLE = "## Readings over MQTT"
HTTP = [row for row in ROWS if row.name in ("single", "bulk")]
# Readings of each run by MQTT, and of the one before that is not counted: a multiple of what one message of each of the 200 devices holds.
READINGS = {1: 10_000, BULK_ROWS: 100_000}
WARM_UP = {1: 1_000, BULK_ROWS: 20_000}
CONNECTIONS = 8
# No run takes longer.
PATIENCE_S = 60


class Broker:
    """A Mosquitto on a port of its own."""

    def __init__(self, directory):
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if not program:
            raise SystemExit("Readings over MQTT need Debian's package mosquitto")
        self.port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        configuration = directory / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 256\nset_tcp_nodelay true\n"
        )
        self.process = subprocess.Popen([program, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


class Counter:
    """How many readings a database has, by a connection that is kept: reading the schema takes far longer than counting."""

    def __init__(self, database):
        self.db = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10, isolation_level=None)

    def stored(self):
        return self.db.execute("select coalesce(sum(readings), 0) from device_state").fetchone()[0]


def publish(name, broker, counter, per_message, readings, next_of):
    """One run: readings a second, from the first that is published to the last that is durable."""
    before, begun = counter.stored(), time.perf_counter()
    process = subprocess.Popen(words_of(
        WORK / "release/publish", "--broker", f"127.0.0.1:{broker.port}", "--readings", readings, "--per-message", per_message,
        "--start", next_of.get(name, 0), "--base-ms", READINGS_MS, "--connections", CONNECTIONS,
    ), stdout=subprocess.PIPE)
    try:
        while (stored := counter.stored() - before) < readings:
            if process.poll() or time.perf_counter() - begun > PATIENCE_S:
                raise SystemExit(f"{name}: {stored} of {readings} readings were stored in {time.perf_counter() - begun:.0f} s")
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        next_of[name] = json.loads(process.communicate(timeout=30)[0])["next"]
    finally:
        process.kill()
    rate = readings / seconds
    say(f"{name}, {per_message} a message: {readings} readings in {seconds:.2f} s")
    return rate


def run(work, arguments):
    """HTTP single and bulk, MQTT single and in batches, in interleaved rounds; results by label."""
    brokers = {name: Broker(work / f"mqtt-broker-{at}") for at, name in enumerate((GATEHOUSE, LIMIT))}
    variables = [f"mqtt_address=mqtt://127.0.0.1:{brokers[GATEHOUSE].port}"]
    server, _ = start_gatehouse(work / "mqtt", arguments.gatehouse, variables)
    limit = None
    results, next_of = {}, {}
    try:
        fill(server.database)
        database = work / "mqtt-limit.db"
        copy(server.database, database)
        limit = subprocess.Popen(
            words_of(LIMIT_PROGRAM, "mqtt", "--broker", f"127.0.0.1:{brokers[LIMIT].port}", "--db", database), stdout=subprocess.PIPE, text=True
        )
        if limit.stdout.readline().strip() != "listening":
            raise SystemExit("the limit does not listen to its broker")
        counters = {GATEHOUSE: Counter(server.database), LIMIT: Counter(database)}

        def run_once(name, per_message, readings):
            return publish(name, brokers[name], counters[name], per_message, readings, next_of)

        # The component is compiled with its first message.
        for per_message, readings in WARM_UP.items():
            for name in counters:
                run_once(name, per_message, readings)
        server.next["reading"] = next_of[GATEHOUSE]
        for round in range(arguments.rounds):
            say(f"MQTT, round {round + 1}")
            for row in HTTP:
                label = f"HTTP, {'one' if row.name == 'single' else BULK_ROWS} a request"
                rate = drive(server, row, arguments)["per_second"]
                say(f"{GATEHOUSE}, {label}: {rate:.0f} readings/s")
                results.setdefault((GATEHOUSE, label), []).append(rate)
                # Both ways number the same devices' readings: upwards, and each device's alike.
                next_of[GATEHOUSE] = -(-max(server.next["reading"], next_of.get(GATEHOUSE, 0)) // 200) * 200
            for per_message, readings in (WARM_UP if arguments.quick else READINGS).items():
                for name in (GATEHOUSE, LIMIT)[:: 1 if round % 2 else -1]:
                    label = f"MQTT QoS 1, {'one' if per_message == 1 else per_message} a message"
                    results.setdefault((name, label), []).append(run_once(name, per_message, readings))
            server.next["reading"] = next_of[GATEHOUSE]
        return results
    finally:
        if limit:
            limit.kill()
        server.stop()
        for broker in brokers.values():
            broker.stop()


def table(results, arguments):
    rates = {key: statistics.median(each) for key, each in results.items()}
    spread = "; ".join(f"{name}, {label}: {number(min(each))} to {number(max(each))}" for (name, label), each in results.items())
    lines = [f"| | {GATEHOUSE}, readings/s | {LIMIT}, readings/s | of the limit |", "|---|" + "---:|" * 3]
    for label in dict.fromkeys(label for _, label in rates):
        own, limit = rates[GATEHOUSE, label], rates.get((LIMIT, label))
        lines.append(f"| {label} | {number(own)} | {number(limit) if limit else ''} | {f'{own / limit:.2f}' if limit else ''} |")
    lines += [
        "",
        f"Over HTTP as in the table above. Over MQTT {READINGS[1]:,} readings one by one, and {READINGS[BULK_ROWS]:,} in batches, published with QoS 1 on "
        f"{CONNECTIONS} connections to a Mosquitto on the same cores; the time is from the first that is published to the last that is durable. The limit is "
        f"a plain listener on rumqttc and rusqlite with group commit, which acknowledges each message when it is durable. Medians of {arguments.rounds} rounds; the slowest and the fastest: {spread}.",
        "",
        f"{machine()}.",
    ]
    return "\n".join(lines)

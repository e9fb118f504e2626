"""Driving servers in interleaved rounds, and what comes of it."""

import json
import statistics
import time

from harness.fixture import READINGS_MS
from harness.paths import LIMIT_PROGRAM, LOAD, output_of
from harness.rows import BULK_ROWS

CONNECTIONS = 32


def load_words(server, row, seconds, warm_up, connections):
    return [
        LOAD, "--addr", f"127.0.0.1:{server.port}", "--path", row.path, "--kind", row.load, "--token", server.token, "--seconds", seconds,
        "--warm-up", warm_up, "--connections", connections, "--base-ms", row.base_ms, "--start", first_of(server, row.load),
    ]


def first_of(server, load):
    return server.next.get(counter_of(load), 0)


def counter_of(load):
    """Single readings and those in bulk are numbered together: the newest is the newest of its device."""
    return "reading" if load in ("single", "bulk") else load


def drive(server, row, arguments):
    """Drives a server once; with the processor time that an answer took it, microseconds."""
    cpu = server.cpu_seconds()
    result = json.loads(output_of(*load_words(server, row, arguments.seconds, arguments.warm_up, CONNECTIONS)))
    server.next[counter_of(row.load)] = result["next"]
    result["cpu_us"] = (server.cpu_seconds() - cpu) * 1e6 / max(1, result["answered"])
    return result


def batch(server, arguments):
    """The same rows inserted in-process."""
    result = json.loads(output_of(
        LIMIT_PROGRAM, "batch", "--db", server.database, "--rows", BULK_ROWS, "--seconds", arguments.seconds, "--base-ms", READINGS_MS,
        "--start", first_of(server, "bulk"),
    ))
    server.next[counter_of("bulk")] = result["next"]
    return result


def rounds(servers, runs, arguments):
    """Each run of each round, the order moved on by one each time; results by name."""
    results = {server.name: [] for server in servers}
    for number in range(arguments.rounds):
        turn = number % len(servers)
        for server in servers[turn:] + servers[:turn]:
            results[server.name].append(runs(server))
            time.sleep(0.1)
    return results


def summary(results):
    return {
        name: {
            "rate": statistics.median(one["per_second"] for one in each),
            "p50": statistics.median(one.get("p50_us", 0) for one in each) / 1000,
            "p99": statistics.median(one.get("p99_us", 0) for one in each) / 1000,
            "cpu_us": statistics.median(one.get("cpu_us", 0) for one in each),
            "spread": (min(one["per_second"] for one in each), max(one["per_second"] for one in each)),
            "bad": {what: sum(one["bad"].get(what, 0) for one in each) for one in each for what in one["bad"]},
        }
        for name, each in results.items()
    }

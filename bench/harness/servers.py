"""Servers under test: started, asked, measured, stopped."""

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness.paths import ROOT


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server under test, on a port and a database of its own."""

    running = set()

    def __init__(self, name, directory, words, environment=None, cwd=ROOT, database=None):
        self.name, self.port, self.cwd = name, free_port(), cwd
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.database = database or directory / "bench.db"
        self.log = directory / "log"
        self.words = [str(word).format(port=self.port, db=self.database) for word in words]
        self.environment = {**os.environ, "BENCH_DB": str(self.database), **(environment or {})}
        self.process = None
        self.token = None
        # The number of the next reading, reservation or booking, by kind of load.
        self.next = {}

    def start(self, within=30):
        """Starts it; seconds until its first answer."""
        with self.log.open("ab") as log:
            begun = time.perf_counter()
            self.process = subprocess.Popen(
                self.words, env=self.environment, cwd=self.cwd, stdout=log, stderr=log, start_new_session=True
            )
        Server.running.add(self)
        while time.perf_counter() - begun < within:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended:\n{self.log.read_text()[-2000:]}")
            if answers(self.port):
                return time.perf_counter() - begun
            time.sleep(0.0005)
        raise SystemExit(f"{self.name} does not answer:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        self.process = None
        Server.running.discard(self)

    def resident_mb(self):
        """Resident memory of the process and all that it started."""
        total = 0
        for pid in family(self.process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1])
        return total / 1024

    def cpu_seconds(self):
        """The processor time, user's and system's, of the process and all that it started."""
        ticks = 0
        for pid in family(self.process.pid):
            with contextlib.suppress(OSError):
                ticks += sum(int(field) for field in fields_of(pid)[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")


def fields_of(pid):
    """The fields of /proc/PID/stat that follow the name."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def family(pid):
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                children.setdefault(int(fields_of(entry.name)[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def call(port, path, token=None, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(10):
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(1)
    raise SystemExit(f"{path} is not served")


def starts(server, times):
    """Median milliseconds from the start of the process to its first answer, and resident memory right after it."""
    seconds, memory = [], []
    for _ in range(times):
        seconds.append(server.start())
        memory.append(server.resident_mb())
        server.stop()
    return statistics.median(seconds) * 1000, statistics.median(memory)

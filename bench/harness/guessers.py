"""Readings beside those who guess at passwords."""

import json
import statistics
import subprocess
import time

from harness.contestants import start_gatehouse
from harness.fixture import READINGS_MS, fill
from harness.measure import load_words
from harness.paths import words_of
from harness.report import machine, number
from harness.rows import ROWS, Row

TITLE = "## Readings beside guessers"
READERS, GUESSERS = 16, 128
SINGLE = next(row for row in ROWS if row.name == "single")
GUESS = Row("guess", "guesses", "guess", "/api/auth/login", READINGS_MS)


def run(work, arguments):
    """Single readings, without and with connections that guess at passwords as fast as they are answered, in interleaved rounds."""
    server, _ = start_gatehouse(work / "guessers", arguments.gatehouse)
    fill(server.database)

    def load(row, connections, seconds, warm_up):
        return subprocess.Popen(words_of(*load_words(server, row, seconds, warm_up, connections)), stdout=subprocess.PIPE)

    def readings():
        result = json.loads(load(SINGLE, READERS, arguments.seconds, arguments.warm_up).communicate(timeout=90)[0])
        server.next["reading"] = result["next"]
        return result

    alone, beside, guesses = [], [], []
    try:
        for round in range(arguments.rounds):
            alone.append(readings())
            # Another account each time.
            server.next["guess"] = round * 1_000_000
            guess = load(GUESS, GUESSERS, arguments.seconds + 2, 0)
            time.sleep(1)
            beside.append(readings())
            guesses.append(json.loads(guess.communicate(timeout=90)[0]))
        return alone, beside, guesses, server.resident_mb()
    finally:
        server.stop()


def table(results, arguments):
    alone, beside, guesses, memory = results
    median = lambda runs, what: statistics.median(one[what] for one in runs)  # noqa: E731
    lines = ["| | readings/s | p50 ms | p99 ms |", "|---|" + "---:|" * 3]
    for label, runs in (("alone", alone), (f"beside {GUESSERS} guessers", beside)):
        cells = [number(median(runs, "per_second"))] + [number(median(runs, what) / 1000) for what in ("p50_us", "p99_us")]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    refused = {}
    for one in guesses:
        for what, count in one["bad"].items():
            refused[what] = refused.get(what, 0) + count
    lines += [
        "",
        f"Single durable readings on {READERS} keep-alive connections; medians of {arguments.rounds} interleaved rounds of {arguments.seconds:g} s. p99 "
        f"beside guessers is {median(beside, 'p99_us') / max(1, median(alone, 'p99_us')):.1f} × that without. The guessers try another account each "
        f"time, as fast as they are answered: {number(median(guesses, 'per_second'))} guesses/s were heard; other answers: "
        f"{json.dumps(refused) if refused else 'none'}. Memory after: {number(memory)} MB.",
        "",
        f"{machine()}.",
    ]
    return "\n".join(lines)

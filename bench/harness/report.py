"""The table, and what it was measured on."""

import json
import os
import platform
import sqlite3
from pathlib import Path

from harness.contestants import DJANGO, FASTAPI, GATEHOUSE, LIMIT
from harness.measure import CONNECTIONS
from harness.paths import WORK
from harness.rows import ALL, BULK_ROWS, ROWS

IN_PROCESS = "in-process batch"
# Of which contestant Gatehouse's share is told, and with how many decimals.
SHARES = {LIMIT: ".2f", DJANGO: ".1f", FASTAPI: ".1f"}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    mounts = [mount for mount in mounts if WORK.is_relative_to(mount[1])]
    filesystem = max(mounts, key=lambda mount: len(mount[1]))[2] if mounts else "?"
    return f"{model}, {os.cpu_count()} cores, {memory / 1024 / 1024:.0f} GiB, {filesystem}, Linux {platform.release()}"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def line(label, value, of=ALL, has_shares=True):
    cells = [number(value(name)) if name in of else "" for name in ALL]
    shares = [format(value(GATEHOUSE) / value(name), share) if has_shares and name in of else "" for name, share in SHARES.items()]
    return f"| {label} | {' | '.join(cells + shares)} |"


def table(figures, start, memory, sqlite, arguments):
    """`figures` by row and contestant; `start` and `memory` by contestant; `sqlite` is the version that Gatehouse and the limit have."""
    lines = [
        f"| | {' | '.join(ALL)} | of the limit | × Django REST | × FastAPI |",
        "|---|" + "---:|" * 7,
    ]
    for row in ROWS:
        found = figures.get(row.name)
        if not found:
            continue
        lines.append(line(row.label, lambda name: found[name]["rate"], row.of))
        if row.tail:
            lines.append(line("… p50, ms", lambda name: found[name]["p50"], row.of, False))
            lines.append(line("… p99, ms", lambda name: found[name]["p99"], row.of, False))
    lines += [
        line("start to first answer, ms", lambda name: start[name][0], has_shares=False),
        line("memory after start, MB", lambda name: start[name][1], has_shares=False),
        line("memory after load, MB", lambda name: memory[name], has_shares=False),
    ]
    if "bulk" in figures:
        alone = figures["bulk"][IN_PROCESS]["rate"]
        lines += [
            "",
            f"In-process batch insert of the same rows, {BULK_ROWS} a transaction, no HTTP and no JSON: {number(alone)} readings/s; "
            f"Gatehouse over HTTP reaches {figures['bulk'][GATEHOUSE]['rate'] / alone:.2f} of it.",
        ]
    bad = {f"{kind}, {name}": result["bad"] for kind, results in figures.items() for name, result in results.items() if result["bad"]}
    lines += [
        "",
        f"{machine()}. Gatehouse and the limit have SQLite {sqlite} with the flags of `.cargo/config.toml`, the peers the one that Python {platform.python_version()} "
        f"comes with, {sqlite3.sqlite_version}.",
        "",
        "SQLite in WAL mode with `synchronous=FULL` everywhere: 201 is sent when what it speaks of has been synced to disk. "
        f"{CONNECTIONS} keep-alive connections over loopback, the load generator on the same cores; medians of {arguments.rounds} "
        f"interleaved rounds of {arguments.seconds:g} s, in an order that rotates. Only the right answers are counted "
        f"(201; 200 with every reading accepted). Answers that were not: {json.dumps(bad) if bad else 'none'}.",
    ]
    return "\n".join(lines)


def write_sections(results, sections):
    """Writes each section, at its place or at the end."""
    for title, text in sections.items():
        parts = ("\n" + results.read_text()).split("\n## ")
        parts = [part.rstrip() for part in parts if not f"## {part}".startswith(f"{title}\n")]
        results.write_text("\n\n## ".join([*parts, f"{title.removeprefix('## ')}\n\n{text}"]).lstrip() + "\n")


def spreads(figures):
    """A line for each row and contestant: the slowest round and the fastest, and the processor time of an answer."""
    for kind, results in figures.items():
        for name, result in results.items():
            low, high = result["spread"]
            yield f"{kind:12} {name:18} {number(low):>9} … {number(high):>9}   {number(result['cpu_us']):>7} µs of processor time an answer"

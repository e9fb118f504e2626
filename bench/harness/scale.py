"""p99 with a long history of readings and reservations, beside p99 with a short one."""

import contextlib
import json
import shutil
import sqlite3
import statistics
import time
from collections import namedtuple

from harness import history
from harness.changes import Changes
from harness.contestants import start_gatehouse, wait_until_compiled
from harness.fixture import DAY_MS, NOW_MS, SITE, rfc3339
from harness.measure import counter_of, load_words
from harness.paths import output_of, say
from harness.report import machine, number
from harness.rows import ROWS, Row
from harness.servers import Server, call

TITLE = "## With a year of readings"
MOST_READINGS, MOST_RESERVATIONS = 10_000_000, 1_000_000
FEWEST_RESERVATIONS = 10_000
# What p99 may be at most with the long history, as a multiple of what it is with the short one.
PROMISED = 1.3
# Fewer than elsewhere: with the machine's cores kept busy throughout, p99 would tell of the queue alone.
CONNECTIONS = 8
# How long the roll-ups may take.
ROLL_UP_SECONDS = 400
# About what a row takes on disk, with its indexes and roll-ups and the copy in the write-ahead log.
READING_BYTES, RESERVATION_BYTES = 200, 900

# What goes on beside the reads, so that they are made anew and not told from what was kept.
CHANGES = {"overview": "reservations", "available": "reservations", "ahead": "reservations", "crowd": "counts"}

Size = namedtuple("Size", "label readings reservations")


def options(parser):
    parser.add_argument("--readings", type=int, default=MOST_READINGS, help="of the long history of scale")
    parser.add_argument("--reservations", type=int, default=MOST_RESERVATIONS, help="of the long history of scale")


def is_whole(arguments):
    """Whether it is the size that is published."""
    return arguments.readings >= MOST_READINGS and arguments.reservations >= MOST_RESERVATIONS


def buckets(width, days):
    """The paths of the buckets of so many whole days, of each device that has measured."""
    span = f"from={rfc3339(history.TODAY_MS - days * DAY_MS)}&to={rfc3339(history.TODAY_MS - 1)}"
    return " ".join(f"/api/telemetry/?device={device}&bucket={width}&{span}&limit=500" for device in history.MEASURING)


def available(days):
    """The path of the spots that are free for half an hour in so many days."""
    start = NOW_MS + days * DAY_MS
    return f"/api/spots/available?site={SITE}&from={rfc3339(start)}&to={rfc3339(start + 1_800_000)}&limit=50"


def rows():
    wanted = {row.name: row for row in ROWS}
    return [
        wanted["single"]._replace(label="single durable ingest"),
        wanted["overview"]._replace(label="overview"),
        Row("day", "a device's day by the hour", "get", buckets("1h", 1)),
        Row("month", "a device's month by the day", "get", buckets("1d", 30)),
        Row("available", "spots available for half an hour tomorrow", "get", available(1)),
        Row("ahead", "spots available for half an hour in ten days", "get", available(10)),
        wanted["crowd"]._replace(label="crowd of a temple now"),
    ]


def run(work, arguments):
    """Both histories, and the figures of each row by size; what both databases are."""
    large = Size("long", arguments.readings, arguments.reservations)
    small = Size("short", history.FEWEST, FEWEST_RESERVATIONS)
    if large.readings < small.readings or large.reservations < small.reservations:
        raise SystemExit(f"scale needs at least {small.readings:,} readings and {small.reservations:,} reservations")
    work = work / "scale"
    work.mkdir(parents=True)
    needed = large.readings * READING_BYTES + large.reservations * RESERVATION_BYTES + 500_000_000
    if shutil.disk_usage(work).free < needed:
        raise SystemExit(f"scale needs {needed / 1e9:.1f} GB in {work}")

    begun = time.monotonic()
    # Readings are kept for ever, so that the long history is one of readings and not of their roll-ups alone.
    first, secrets = start_gatehouse(work / small.label, arguments.gatehouse, ["readings_days=0"])
    first.stop()
    servers = {small: first, large: twin(first, work / large.label)}
    sizes = {size: prepare(server, size, secrets["tick_secret"]) for size, server in servers.items()}
    say(f"Both are ready after {time.monotonic() - begun:.0f} s")
    try:
        return measure(servers, arguments), sizes
    finally:
        for server in servers.values():
            server.stop()


def twin(server, directory):
    """Another one with a copy of the state: the same secrets, so that it takes the same tokens."""
    state = directory / "state"
    shutil.copytree(server.database.parent, state)
    other = Server(server.name, directory, [], database=state / server.database.name)
    changes = {f"127.0.0.1:{server.port}": f"127.0.0.1:{other.port}", str(server.database.parent): str(state)}
    other.words = [changes.get(word, word) for word in server.words]
    other.token = server.token
    return other


def prepare(server, size, tick_secret):
    """Writes a history, has the scheduled runs do what there is to do, and leaves the server running; what its database is then."""
    say(f"Writing {size.readings:,} readings and {size.reservations:,} reservations")
    begun = time.monotonic()
    history.write(server.database, size.readings, size.reservations)
    written = time.monotonic()
    say(f"Written in {written - begun:.0f} s; rolling readings up")
    server.start(within=120)
    wait_until_compiled(server)
    rolled_up, told = 0, time.monotonic()
    while True:
        done = call(server.port, "/internal/tick/telemetry", tick_secret, body={})
        rolled_up += done["rolled_up"]
        if not any(done.values()):
            break
        if time.monotonic() - written > ROLL_UP_SECONDS:
            raise SystemExit(f"{rolled_up:,} readings were rolled up in {ROLL_UP_SECONDS} s, and more are left")
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"{rolled_up:,} readings are rolled up")
    say(f"Rolled up in {time.monotonic() - written:.0f} s")
    call(server.port, "/internal/tick", tick_secret, body={})
    check(server)
    return found(server, size)


def check(server):
    """What is compared are answers of the same size, from roll-ups."""
    for width, days, count in (("1h", 1, 24), ("1d", 30, 30)):
        for path in buckets(width, days).split():
            items = call(server.port, path, server.token)["items"]
            if len(items) != count or any(item["level"] != width for item in items):
                raise SystemExit(f"{path} has {len(items)} buckets of {sorted({item['level'] for item in items})}")


def found(server, size):
    """What is in the database, by its own count."""
    with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as db:
        count = lambda sql: db.execute(sql).fetchone()[0]  # noqa: E731
        rolled_up = count("select sum(count) from reading_rollups where span_ms = 300000")
        result = {
            "readings": count("select count(*) from readings"),
            "roll_ups": count("select count(*) from reading_rollups"),
            "reservations": count("select count(*) from reservations"),
            "live": count("select count(*) from reservations where status in ('pending_payment', 'confirmed', 'arrived')"),
            "days": history.days_of(size.readings),
            "megabytes": (count("pragma page_count") - count("pragma freelist_count")) * count("pragma page_size") / 1e6,
        }
    # The newest five minutes of each device are not over.
    if rolled_up < result["readings"] - 20 * len(history.MEASURING):
        raise SystemExit(f"of {result['readings']:,} readings {rolled_up:,} are rolled up")
    say(json.dumps(result))
    return result


def measure(servers, arguments):
    """Each row of each round drives both; which one is first changes by the round. Results by row and size."""
    wanted = rows()
    results = {row.label: {size: [] for size in servers} for row in wanted}
    changes = {size: Changes(server) for size, server in servers.items()}
    for round in range(arguments.rounds):
        say(f"Round {round + 1} of {arguments.rounds}")
        turn = list(servers) if round % 2 == 0 else list(reversed(servers))
        for row in wanted:
            for size in turn:
                results[row.label][size].append(drive(servers[size], row, changes[size], arguments))
                time.sleep(0.1)
    return results


def drive(server, row, changes, arguments):
    words = load_words(server, row, arguments.seconds, arguments.warm_up, CONNECTIONS)
    with changes.going_on(CHANGES.get(row.name)) as told:
        result = json.loads(output_of(*words))
    server.next[counter_of(row.load)] = result["next"]
    return result | told


def table(measured, arguments):
    results, sizes = measured
    small, large = sizes
    lines = [
        f"| | p50 ms, {small.readings:,} readings | {large.readings:,} | × | p99 ms, {small.readings:,} readings | {large.readings:,} | × | × by round |",
        "|---|" + "---:|" * 7,
    ]
    over = []
    for label, runs in results.items():
        cells = []
        for what in ("p50_us", "p99_us"):
            before, after = (statistics.median(one[what] for one in runs[size]) / 1000 for size in (small, large))
            ratio = after / max(before, 0.001)
            cells += [f"{before:.2f}", f"{after:.2f}", f"{ratio:.2f}"]
        # By the last of them, p99's.
        if ratio > PROMISED:
            over.append(label)
        by_round = [after["p99_us"] / max(1, before["p99_us"]) for before, after in zip(runs[small], runs[large])]
        cells.append(f"{min(by_round):.2f} to {max(by_round):.2f}")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    every = [one for runs in results.values() for size in runs for one in runs[size]]
    bad = {}
    for one in every:
        for what, count in one["bad"].items():
            bad[what] = bad.get(what, 0) + count
    rates = [one["changes_per_second"] for one in every if one["changes_per_second"]]
    failed = sum(one["failed"] for one in every)
    lines += [
        "",
        f"p99 is promised to be at most {PROMISED} × that with the short history; more than that: {', '.join(over) if over else 'none'}. "
        f"{CONNECTIONS} keep-alive connections over loopback, the load generator on the same cores; medians of {arguments.rounds} interleaved "
        f"rounds of {arguments.seconds:g} s, both servers running throughout and first in turn. "
        f"Answers that were not as they should be: {json.dumps(bad) if bad else 'none'}.",
        "",
        f"One car park of 200 spots with 200 devices, twice: {described(sizes[small])}; {described(sizes[large])}. The readings are of "
        f"{len(history.MEASURING)} of the devices, those that come in are of all 200. No reading was removed (`readings_days=0`). Readings and "
        "reservations were written into the database while the server was stopped, without the lines of the audit trail that each has else; what "
        "the scheduled run makes of them it made itself, before.",
        "",
        "Both give answers of the same size: 24 buckets of the day before, 30 of the month before, of the devices in turn, and a page of up to 50 "
        f"spots. Overview and spots were asked for while reservations were made, the crowd while counts came in, {number(min(rates))} to "
        f"{number(max(rates))} a second ({failed} failed), so that answers were made anew again and again; "
        "with nothing changed they are told from memory, whatever the database holds.",
        "",
        f"{machine()}.",
    ]
    return "\n".join(lines)


def described(found):
    return (
        f"{found['readings']:,} readings of {found['days']} days, {found['roll_ups']:,} roll-ups and {found['reservations']:,} reservations, "
        f"{found['live']:,} of them live, {found['megabytes']:,.0f} MB"
    )

"""From an emergency's 201 to the first attempt to tell of it."""

import json
import subprocess
import time

from harness.contestants import start_gatehouse
from harness.fixture import fill
from harness.measure import counter_of, load_words
from harness.paths import WORK, output_of, say, words_of
from harness.report import machine, number
from harness.rows import ROWS
from harness.servers import call, free_port

TITLE = "## From an emergency's 201 to its first attempt"
SINGLE = next(row for row in ROWS if row.name == "single")
RATES = (2, 20, 50)


def run(work, arguments):
    """Reports at steady rates to a Gatehouse whose webhook is on this machine, without and with telemetry coming in as fast as it can."""
    hook = free_port()
    variables = [f"webhook_origin=http://127.0.0.1:{hook}", "webhook_path=/sos"]
    server, secrets = start_gatehouse(work / "emergencies", arguments.gatehouse, variables)
    try:
        # The dispatcher is compiled once it has answered.
        call(server.port, "/internal/dispatch", secrets["tick_secret"], body={})
        fill(server.database)
        return [report_at(server, hook, rate, background, arguments) for background in (0, 8) for rate in RATES]
    finally:
        server.stop()


def report_at(server, hook, rate, background, arguments):
    """Emergencies at a rate beside so many connections of telemetry."""
    say(f"{rate} emergencies a second beside {background} connections of telemetry")
    load = None
    if background:
        words = words_of(*load_words(server, SINGLE, arguments.sos_seconds + 1, 1, background))
        load = subprocess.Popen(words, stdout=subprocess.PIPE)
        time.sleep(1)
    result = json.loads(output_of(
        WORK / "release/sos", "--addr", f"127.0.0.1:{server.port}", "--listen", f"127.0.0.1:{hook}", "--temple", "bench",
        "--token", server.token, "--rate", rate, "--seconds", arguments.sos_seconds,
    )) | {"rate": rate, "background": 0}
    if load:
        beside = json.loads(load.communicate(timeout=90)[0])
        server.next[counter_of("single")] = beside["next"]
        result["background"] = beside["per_second"]
    say(json.dumps(result))
    return result


def table(results, arguments):
    lines = [
        "| emergencies/s | telemetry beside, readings/s | reports | 201, p50 ms | p99 | longest | 201 to attempt, p50 ms | p99 | longest |",
        "|" + "---:|" * 9,
    ]
    for one in results:
        cells = [f"{one['rate']:g}", number(one["background"]) if one["background"] else "none", f"{one['good']:,}"]
        cells += [number(one[what][share]) for what in ("answer", "attempt") for share in ("p50", "p99", "max")]
        lines.append(f"| {' | '.join(cells)} |")
    bad = [one["bad"] for one in results if one["bad"]]
    lines += [
        "",
        f"Reports at a steady rate for {arguments.sos_seconds:g} s each, whether or not those before were answered; each a durable write with history, audit "
        "trail, feed and outbox, and a signed webhook to a receiver on the same machine. The second time is from reading the 201 to the receiver "
        "having read the whole request; an attempt that came in before the 201 had been read counts as 0. Not answered with 201: "
        f"{json.dumps(bad) if bad else 'none'}; not attempted: {sum(one['missing'] for one in results)}; sent twice: "
        f"{sum(one['repeats'] for one in results)}.",
        "",
        f"{machine()}.",
    ]
    return "\n".join(lines)

"""One event to thousands of clients: the gateway, a bare socketioxide, and Node.js; and Server-Sent Events."""

import json
import resource
import shutil
import statistics
import subprocess
import time

from harness.contestants import start_gatehouse
from harness.paths import PEERS, PROGRAM, WORK, command, say, words_of
from harness.report import machine, number
from harness.servers import Server, free_port

TITLE = "## One event to thousands of clients"
GATEWAY, BARE, NODE, SSE = "Gatehouse's gateway", "bare socketioxide", "Node.js: socket.io and ws", "Gatehouse's Server-Sent Events"
FAN = WORK / "release/fan"
NODE_HOME = WORK / "node"

# Between two events: the application's feed is looked at four times a second.
PAUSE_MS = 400


def options(parser):
    parser.add_argument("--websockets", type=int, default=10_000, help="of realtime")
    parser.add_argument("--socket-ios", type=int, default=2_000, help="of realtime, by WebSocket")
    parser.add_argument("--sse", type=int, default=10_000, help="streams of realtime")
    parser.add_argument("--events", type=int, default=20, help="of each run of realtime")


def install():
    wanted = (PEERS / "node/package.json").read_text()
    installed = NODE_HOME / "package.json"
    if not installed.exists() or installed.read_text() != wanted or not (NODE_HOME / "node_modules/.package-lock.json").exists():
        say("Installing Node.js's peers")
        shutil.rmtree(NODE_HOME, ignore_errors=True)
        NODE_HOME.mkdir(parents=True)
        (NODE_HOME / "package.json").write_text(wanted)
        command("npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", NODE_HOME)


def program(arguments):
    return arguments.gatehouse or PROGRAM


def gateway(work, arguments):
    """A gateway, and what tells it: the load's own feed."""
    feed = free_port()
    clients = arguments.websockets + arguments.socket_ios
    words = [
        program(arguments), "gateway", "--upstream", f"http://127.0.0.1:{feed}", "--listen", "127.0.0.1:{port}", "--connections", clients + 500,
        "--connections-per-address", clients + 500, "--gateway-clients", clients + 10, "--gateway-clients-per-address", clients + 10,
        # All of them come from one address, as fast as they can.
        "--gateway-messages-per-address", 1_000_000,
    ]
    return Server(GATEWAY, work / "gateway", words), ["--feed", f"127.0.0.1:{feed}"]


def told_by_post(name, work, words, environment=None):
    server = Server(name, work / name.split()[0].strip(":.").lower(), words, environment)
    return server, ["--tell", f"127.0.0.1:{server.port}", "--tell-path", "/tell"]


def drive(server, words, counts, arguments):
    """Connects the clients, has the events happen; with memory and processor time."""
    before = server.resident_mb()
    all_words = words_of(
        FAN, "--target", f"127.0.0.1:{server.port}", *words, *counts, "--events", arguments.events, "--pause-ms", PAUSE_MS,
    )
    load = subprocess.Popen(all_words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        connected = json.loads(load.stdout.readline() or "{}").get("connected")
        if not connected:
            raise SystemExit(f"{server.name}: the clients could not connect")
        time.sleep(1)
        memory = (server.resident_mb() - before) * 1024 / connected
        cpu = server.cpu_seconds()
        load.stdin.write("go\n")
        load.stdin.close()
        line = load.stdout.readline()
        if not line:
            raise SystemExit(f"{server.name}: events did not reach all")
        result = json.loads(line)
        result |= {"clients": connected, "kib_each": memory, "cpu_ms": (server.cpu_seconds() - cpu) * 1000 / arguments.events}
        say(f"{server.name}: {json.dumps(result)}")
        return result
    finally:
        load.kill()
        load.wait()


def run(work, arguments):
    """Each contestant in turn, in interleaved rounds, started anew for each; then the streams."""
    install()
    clients = max(arguments.websockets + arguments.socket_ios, arguments.sse)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < clients + 600:
        raise SystemExit(f"{clients:,} clients need as many file descriptors, and {hard:,} are allowed: ask for fewer (--websockets, --socket-ios, --sse)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = ["--websockets", arguments.websockets, "--socket-ios", arguments.socket_ios, "--sse", 0]
    contestants = [
        lambda: gateway(work, arguments),
        lambda: told_by_post(BARE, work, [WORK / "release/bare", "--listen", "127.0.0.1:{port}"]),
        lambda: told_by_post(NODE, work, ["node", PEERS / "node/server.js", "{port}"], {"NODE_PATH": str(NODE_HOME / "node_modules")}),
    ]
    results = {}
    for turn in range(min(arguments.rounds, 3)):
        for make in contestants[turn:] + contestants[:turn]:
            server, words = make()
            server.start()
            try:
                results.setdefault(server.name, []).append(drive(server, words, counts, arguments))
            finally:
                server.stop()
    if arguments.sse:
        results[SSE] = [streams(work, arguments)]
    return results


def streams(work, arguments):
    """Streams of the embedded host, to which an alert is posted."""
    server, _ = start_gatehouse(work / "sse", arguments.gatehouse)
    server.stop()
    for limit in ("--connections", "--connections-per-address", "--streams", "--streams-per-address"):
        server.words += [limit, str(arguments.sse + 500)]
    server.words += ["--memory", "1024"]
    server.start()
    try:
        words = ["--tell", f"127.0.0.1:{server.port}", "--tell-path", "/api/alerts/", "--token", server.token]
        return drive(server, words, ["--websockets", 0, "--socket-ios", 0, "--sse", arguments.sse], arguments)
    finally:
        server.stop()


def table(results, arguments):
    lines = ["| | clients | p50 ms | p99 ms | until all have it, ms | CPU ms an event | KiB a client |", "|---|" + "---:|" * 6]
    middle = {name: {what: statistics.median(one[what] for one in runs) for what in runs[0]} for name, runs in results.items()}
    for name, one in middle.items():
        cells = [f"{one['clients']:,.0f}", *(number(one[what] / 1000) for what in ("p50_us", "p99_us", "all_us"))]
        lines.append(f"| {name} | {' | '.join([*cells, number(one['cpu_ms']), number(one['kib_each'])])} |")
    share = middle[GATEWAY]["p99_us"] / middle[BARE]["p99_us"]
    rounds = "; ".join(f"{name} {', '.join(number(one['p99_us'] / 1000) for one in runs)}" for name, runs in results.items() if len(runs) > 1)
    lost = {name: sum(one["lost"] for one in runs) for name, runs in results.items()}
    lost = {name: count for name, count in lost.items() if count}
    lines += [
        "",
        f"{arguments.websockets:,} WebSockets and {arguments.socket_ios:,} Socket.IO clients (by WebSocket) of each server, {arguments.events} alerts of about 300 bytes to all of them one after another, medians of "
        f"{min(arguments.rounds, 3)} rounds in an order that rotates; the clients are one process on the same cores, and read in turn. The time is from before an alert is told to a client's having read it. The gateway "
        f"is told by its feed, the others by a POST. Its p99 is {share:.2f} × that of the bare server. p99 of each round, ms: {rounds}. Streams of Server-Sent Events are of the whole application, one round: from before the POST of an "
        f"alert that is stored; each stream looks for events every 250 ms. Clients that were lost: {json.dumps(lost) if lost else 'none'}.",
        "",
        f"{machine()}.",
    ]
    return "\n".join(lines)

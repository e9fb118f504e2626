"""What is built and installed before anything is measured."""

import json
import os
import sys

from harness.paths import BENCH, LIMIT_PROGRAM, PEERS, ROOT, VENV, WORK, command, output_of, say


def install_peers():
    """The peers, into a virtual environment, when what is wanted has changed."""
    wanted = (PEERS / "requirements.txt").read_text()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Installing the peers")
    command(sys.executable, "-m", "venv", "--clear", VENV)
    command(VENV / "bin" / "pip", "install", "--quiet", "-r", PEERS / "requirements.txt", stdout=sys.stderr)
    stamp.write_text(wanted)


def build(gatehouse):
    """The limit and the load generator; Gatehouse too, unless its program is given."""
    say("Building")
    cargo = ["cargo", "build", "--quiet"]
    # From the root, whose .cargo/config.toml says how SQLite is compiled: the limit's is the same.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK)}
    command(*cargo, "--release", "--manifest-path", BENCH / "native" / "Cargo.toml", cwd=ROOT, env=environment)
    if not gatehouse:
        command(*cargo, "--profile", "dist", "-p", "gatehouse", "--bin", "gatehouse", cwd=ROOT)


def limit_sqlite():
    """The limit's SQLite: its version. It must have been compiled as the product's is."""
    sqlite = json.loads(output_of(LIMIT_PROGRAM, "sqlite"))
    options = set(sqlite["options"])
    if "ENABLE_STAT4" in options or not {"ENABLE_QPSG", "THREADSAFE=2", "DEFAULT_MEMSTATUS=0"} <= options:
        raise SystemExit("the limit's SQLite was not compiled with LIBSQLITE3_FLAGS of .cargo/config.toml")
    return sqlite["version"]

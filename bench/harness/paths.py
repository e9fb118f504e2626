"""Where things are, and small helpers of all the parts."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
WORK = ROOT / "target" / "bench"
VENV = WORK / "venv"
PEERS = BENCH / "peers"
LOAD = WORK / "release/load"
LIMIT_PROGRAM = WORK / "release/limit"
# As it is deployed.
PROGRAM = ROOT / "target/dist/gatehouse"

sys.path.insert(0, str(PEERS))


def say(text):
    print(text, file=sys.stderr, flush=True)


def words_of(*words):
    return [str(word) for word in words]


def command(*words, timeout=1800, **options):
    subprocess.run(words_of(*words), check=True, timeout=timeout, **options)


def output_of(*words, timeout=180):
    return subprocess.run(words_of(*words), check=True, capture_output=True, timeout=timeout).stdout

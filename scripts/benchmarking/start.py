"""What it takes from the start of a process to its last line, and where the time goes."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from scripts.benchmarking import work

RUNS = 5
COMMAND = str(Path(sys.executable).with_name("attention-core"))
PICTURE = str(work.EXAMPLES / "cat.jpg")
COMMANDS = {
    "attention-core --help": [COMMAND, "--help"],
    "attention-core caption photo.jpg": [COMMAND, "caption", PICTURE],
    "attention-core caption photo.jpg --fast": [COMMAND, "caption", PICTURE, "--fast"],
}
STAGES = """
import json, sys, time
began = time.perf_counter()
told = {}
def stage(name):
    global began
    told[name] = time.perf_counter() - began
    began = time.perf_counter()
import torch
stage("importing torch")
from captioner.images import open_picture
from captioner.predictor import Captioner
stage("importing the rest")
captioner = Captioner.load()
stage("loading the model")
captioner = captioner.prepared()
stage("laying out its weights")
picture = captioner.tensors([open_picture(sys.argv[1])])
stage("reading the picture")
with torch.inference_mode():
    captioner.model.remember(picture)
stage("encoding it")
captioner.caption_features(picture, language="en")
told["decoding its caption"] = time.perf_counter() - began - told["encoding it"]
print(json.dumps(told))
"""


WATCHED = """
import json, os, subprocess, sys, time
began = time.perf_counter()
nothing = subprocess.DEVNULL
process = subprocess.Popen(sys.argv[1:], stdout=nothing, stderr=nothing)
_, status, used = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
process.returncode = os.waitstatus_to_exitcode(status)
unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6]))
sys.exit(process.returncode)
"""  # in a process that is small: its own peak memory counts as that of those it starts


class Run(NamedTuple):
    """A process that ended: seconds, those that processors worked, and its peak memory in MB."""

    seconds: float
    worked: float
    memory: float


def ran(command: list[str]) -> Run:
    """One process, from its start to its end. Raises CalledProcessError where it fails."""
    return Run(*json.loads(_said([sys.executable, "-c", WATCHED, *command])))


def measured() -> dict[str, Any]:
    """The median of some runs of every command, after one to warm up; stages; imports."""
    commands = {}
    for name, command in COMMANDS.items():
        runs = [ran(command) for _ in range(RUNS + 1)][1:]
        commands[name] = Run(*(median(column) for column in zip(*runs, strict=True)))
    stages = [json.loads(_said([sys.executable, "-c", STAGES, PICTURE])) for _ in range(3)][1:]
    return {
        "commands": commands,
        "stages": {name: min(one[name] for one in stages) for name in stages[0]},
        "imports": imports("import captioner.predictor, captioner.images"),
    }


def imports(statement: str) -> dict[str, float]:
    """Seconds of importing by package, the ten longest, as ``python -X importtime`` tells them."""
    command = [sys.executable, "-X", "importtime", "-c", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(grouped(done.stderr).most_common(10))


def grouped(told: str) -> Counter[str]:
    """Seconds of importing by package.

    >>> grouped("import time:  2000 |  5000 | torch.nn\\nimport time:  500 |  500 |   torch._C")
    Counter({'torch': 0.0025})
    """
    found: Counter[str] = Counter()
    for line in told.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            package = rest.partition("|")[2].strip().partition(".")[0]
            found[package] += int(own) / 1e6
    return found


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

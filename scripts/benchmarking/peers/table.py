"""Who is measured, and what each needs that the project itself does not."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from scripts.benchmarking.protocol import Peer

ROOT = Path(__file__).parents[3]
PLACE = ROOT / "runs" / "benchmark"


class Entry(NamedTuple):
    """A program of this folder with its arguments; ``requirements`` are installed for it alone.

    They are installed without what they ask for, so that all run on the one torch that there is.
    """

    program: str
    arguments: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


OURS = (
    Entry("ours", ("shared",)),
    Entry("ours", ("shared", "fast")),
    Entry("ours", ("shared", "bf16")),
    Entry("ours", ("bahdanau",)),
    Entry("plain"),
    Entry("pictures"),
    Entry("pictures", ("fast",)),
)
TRANSFORMERS = ("transformers==5.23.0", "tokenizers==0.23.3")
OTHERS = (
    Entry("joeynmt"),
    Entry("opennmt"),
    Entry("eole", (), ("eole==0.6.0",)),
    Entry("marian", (), ("pymarian==1.12.42",)),
    Entry("d2l", (), ("d2l==1.0.3",)),
    Entry("transformers", ("vit-gpt2",), TRANSFORMERS),
    Entry("transformers", ("blip",), TRANSFORMERS),
)

MISSING = {
    "fairseq": "0.12.2, its last, is built from source alone, and from 3.11 on Python refuses its"
    " dataclasses",
}


def started(entry: Entry, threads: int) -> Peer:
    """The program, running. Raises ChildProcessError where it can't be installed or started."""
    place = PLACE / "peers" / entry.program
    if entry.requirements and not (place / "installed").exists():
        command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target"]
        done = subprocess.run(
            [*command, str(place), *entry.requirements], capture_output=True, text=True
        )
        if done.returncode:
            raise ChildProcessError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        (place / "installed").touch()
    PLACE.mkdir(parents=True, exist_ok=True)
    module = f"scripts.benchmarking.peers.{entry.program}"
    log = PLACE / f"{'-'.join((entry.program, *entry.arguments))}.log".replace("/", "-")
    return Peer([sys.executable, "-m", module, *entry.arguments], [place, ROOT], threads, log)

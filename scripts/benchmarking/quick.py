"""Whether it is still as fast: counts and ratios against those that were committed.

Operations of products and calls into torch don't depend on the machine. The processor time of ours
over that of plain torch, in turn, does: with how fast a processor reads its caches, and with what
MKL makes of it. So it is compared with what the same kind of processor had. Seconds are in none.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from scripts.benchmarking import machine, work
from scripts.benchmarking.peers import ours
from scripts.benchmarking.peers.table import Entry, started
from scripts.benchmarking.turns import in_turn

BASELINE = Path("docs/performance-baseline.json")
ROUNDS = {"train": 3, "greedy": 5, "beam": 3, "single": 5}
RATIO = "time over plain torch"
SLACK = {"operations": 1.001, "calls": 1.02, RATIO: 1.2}
PRODUCTS = (torch.ops.mkldnn._linear_pointwise, torch.ops.quantized.linear_dynamic_fp16)
Told = dict[str, dict[str, float]]  # by job, by what is told


def measured(threads: int) -> Told:
    """Of every job on text the operations, the calls, and the time over that of plain torch."""
    torch.manual_seed(0)
    model = ours.shared()
    jobs = {"train": ours.Training(ours.shared()), **ours.searches(model, fast=False)}
    told: Told = {job: counted(do) for job, do in jobs.items()}
    running = [started(Entry("ours", ("shared",)), threads), started(Entry("plain"), threads)]
    for job in work.TEXT_JOBS:
        mine, plain = in_turn(running, job, ROUNDS[job], rate=float)
        each = [a / b for a, b in zip(mine.worked, plain.worked, strict=True)]
        told[job][RATIO] = round(median(each), 3)
    for peer in running:
        peer.close()
    return told


def counted(do: Callable[[], object]) -> dict[str, float]:
    """The operations of products that a call does, and how often it calls torch."""
    packed = dict.fromkeys(PRODUCTS, _linear)
    with FlopCounterMode(display=False, custom_mapping=packed) as counter:
        do()
    with _Calls() as calls:
        do()
    return {"operations": counter.get_total_flops(), "calls": calls.count}


def compared(told: Told, known: Told) -> Iterator[str]:
    """A line for each figure that is worse than it was, beyond what chance explains.

    >>> before = {"beam": {"calls": 100, "time over plain torch": 0.5}}
    >>> list(compared({"beam": {"calls": 110, "time over plain torch": 0.55}}, before))
    ['beam: calls 110, and 100 before']
    """
    for job, figures in told.items():
        for name, value in figures.items():
            before = known.get(job, {}).get(name)
            if before is not None and value > before * SLACK[name]:
                yield f"{job}: {name} {value:g}, and {before:g} before"


def check(told: Told, processor: str) -> list[str]:
    """What is worse than the baseline of this processor; where it has none, this becomes it, and
    counts are compared with those of another.
    """
    known = json.loads(BASELINE.read_text("utf-8")) if BASELINE.exists() else {}
    if processor in known:
        return list(compared(told, known[processor]))
    BASELINE.write_text(json.dumps({**known, processor: told}, indent=2) + "\n", "utf-8")
    counts = {job: {**figures, RATIO: 0.0} for job, figures in told.items()}
    return list(compared(counts, next(iter(known.values()), {})))


def processor() -> str:
    """The processor and how many of its cores there are, as a baseline is known by."""
    return machine.described()["processor"]


class _Calls(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += 1
        return function(*args, **(kwargs or {}))


def _linear(inputs: torch.Size, *_: object, out_shape: torch.Size, **__: object) -> int:
    """Operations of a packed product, by the shapes of what goes in and comes out."""
    return 2 * inputs.numel() * out_shape[-1]

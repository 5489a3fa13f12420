"""How cost grows with each size of the work, the others as they are, and by which power."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import torch

from attention_core.search import Shortlist, beam_search
from captioner.predictor import Captioner
from scripts.benchmarking import work
from scripts.benchmarking.peers import ours

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RUNS = 3
FIGURE = Path("docs/performance/growth.svg")
Curve = dict[int, float]  # seconds, MB or tokens a second, by size

TEXT = {
    "source tokens": ("source", (7, 14, 28, 56, 112)),
    "target tokens": ("target", (7, 14, 28, 56)),
    "beam width": ("width", (1, 2, 5, 10, 20)),
    "sentences in a batch": ("batch", (1, 4, 16, 64, 128)),
    "words scored": ("words", (500, 1000, 2000, 4000, 8000)),
}
SIDES = (128, 192, 224, 320, 448)


def curves() -> Iterator[tuple[str, str, Curve]]:
    """What grows, its unit, and the curve: one after the other as they are measured."""
    model = ours.packed(ours.shared().half().float())
    for told, (name, sizes) in TEXT.items():
        yield told, "s", {size: fastest(searching(model, **{name: size})) for size in sizes}
    captioner = Captioner.load().prepared()
    yield "pixels on a side", "s", {side: fastest(encoding(captioner, side)) for side in SIDES}
    yield "pictures in a stream", "MB of memory", memory()
    yield "processes, training", "tokens/s", {n: parallel(n) for n in range(1, _cores() + 1)}


def exponent(curve: Curve) -> float:
    """p of  cost ∝ size^p, by least squares of the logarithms.

    >>> round(exponent({1: 3.0, 2: 12.0, 4: 48.0}), 3)
    2.0
    """
    slope, _ = np.polyfit(np.log(list(curve)), np.log(list(curve.values())), 1)
    return float(slope)


def searching(
    model: ours.Seq2Seq,
    source: int = work.SOURCE,
    target: int = work.TARGET,
    width: int = work.WIDTH,
    batch: int = work.BATCH // 4,
    words: int = work.VOCABULARY,
) -> Callable[[], None]:
    """A beam search of these sizes."""
    tokens = torch.randint(work.FIRST, work.VOCABULARY, (batch, source))
    short = Shortlist(torch.arange(words), work.BEGIN)
    step = short.step(model.decoder.step, model.decoder.listed(short.words))

    @torch.inference_mode()
    def search() -> None:
        memory, state = model.remember(tokens, tokens > 0)
        begin = torch.full((batch,), short.begin)
        beam_search(step, memory, state, begin=begin, end=-1, max_length=target, width=width)

    return search


def encoding(captioner: Captioner, side: int) -> Callable[[], None]:
    """The encoder on pictures of that size."""
    pictures = torch.randn(work.PICTURES, 3, side, side)

    @torch.inference_mode()
    def encode() -> None:
        captioner.model.remember(pictures)

    return encode


def fastest(do: Callable[[], None]) -> float:
    """The seconds of the fastest of some runs, after one to warm up."""
    do()
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        do()
        taken.append(time.perf_counter() - began)
    return min(taken)


def memory() -> Curve:
    """Memory of a process that captions a stream, after so many pictures."""
    told = json.loads(_said([sys.executable, "-m", "scripts.benchmarking.stream"]))
    return {int(count): megabytes for count, megabytes in told.items()}


def parallel(processes: int) -> float:
    """Target tokens a second of training in so many processes, with a thread each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    return float(_said([*launch, "-m", "scripts.benchmarking.parallel"]).split()[-1])


def drawn(found: dict[str, tuple[str, Curve]]) -> None:
    """All curves with their powers, as one figure."""
    figure, places = plt.subplots(2, (len(found) + 1) // 2, figsize=(12, 5.2), layout="constrained")
    for place, (told, (unit, curve)) in zip(places.flat, found.items(), strict=False):
        place.loglog(list(curve), list(curve.values()), "o-", color="#1f6f8b")
        place.set_title(f"{told}: power {exponent(curve):.2f}", fontsize=10)
        place.set_ylabel(unit)
        place.set_xticks(list(curve), [str(size) for size in curve], minor=False)
        place.minorticks_off()
        low, high = min(curve.values()), max(curve.values())
        place.set_ylim(low / 2, high * 2)
    FIGURE.parent.mkdir(exist_ok=True)
    with plt.rc_context({"svg.hashsalt": "growth"}):
        figure.savefig(FIGURE, metadata={"Date": None})
    plt.close(figure)


def _said(command: list[str]) -> str:
    """What a process prints that has a thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def _cores() -> int:
    return min(os.cpu_count() or 1, 4)

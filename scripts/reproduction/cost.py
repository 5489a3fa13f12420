"""What a sentence costs, as source and target grow: O(m + t) and O(m + m·t) decoders."""

import time
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from attention_core import DecoderSizes, Seq2Seq, TextEncoder, build_decoder

DECODERS = {"sutskever": "O(m + t)", "bahdanau": "O(m + m·t)"}
SIZES = {"vocabulary": 1000, "embedding": 128, "hidden": 128, "attention": 128}
BATCH = 16


class Cost(NamedTuple):
    """Milliseconds a sentence: the median of some runs, the least and the most of them."""

    preset: str
    source: int
    target: int
    milliseconds: float
    least: float
    most: float


def costs(sources: list[int], targets: list[int], runs: int) -> list[Cost]:
    """Every decoder on every pair of lengths, the decoders in turn, after one run to warm up."""
    models = {preset: _model(preset) for preset in DECODERS}
    found = []
    for m in sources:
        for t in targets:
            seconds: dict[str, list[float]] = {preset: [] for preset in models}
            for run in range(runs + 1):
                for preset, model in models.items():
                    began = time.perf_counter()
                    _decode(model, m, t)
                    if run:
                        seconds[preset].append(1000 * (time.perf_counter() - began) / BATCH)
            found += [
                Cost(preset, m, t, median(each), min(each), max(each))
                for preset, each in seconds.items()
            ]
    return found


def fitted(costs: list[Cost]) -> dict[str, tuple[float, float, float, float]]:
    """For each decoder a, b, c, d of  ms = a + b·m + c·t + d·m·t: least squares of the relative
    errors.
    """
    found = {}
    for preset in DECODERS:
        own = [cost for cost in costs if cost.preset == preset]
        y = np.array([cost.milliseconds for cost in own])
        m, t = (np.array([getattr(cost, name) for cost in own]) for name in ("source", "target"))
        terms = np.stack([np.ones_like(y), m, t, m * t], 1)
        a, b, c, d = np.linalg.lstsq(terms / y[:, None], np.ones_like(y), rcond=None)[0].tolist()
        found[preset] = a, b, c, d
    return found


def exponent(lengths: list[int], milliseconds: list[float]) -> float:
    """p of  ms ∝ length^p, by least squares of the logarithms over the longer half."""
    half = len(lengths) // 2
    slope, _ = np.polyfit(np.log(lengths[half:]), np.log(milliseconds[half:]), 1)
    return float(slope)


def _model(preset: str) -> Seq2Seq:
    torch.manual_seed(0)
    hidden = SIZES["hidden"]
    decoder = build_decoder(preset, DecoderSizes(values=hidden, summary=hidden, **SIZES))
    return Seq2Seq(TextEncoder(decoder.embedding, "gru", hidden // 2), decoder).eval()


@torch.inference_mode()
def _decode(model: Seq2Seq, source: int, target: int) -> None:
    """Greedy search that is not allowed to end."""
    tokens = torch.randint(SIZES["vocabulary"], (BATCH, source))
    memory, state = model.remember(tokens, torch.ones_like(tokens, dtype=torch.bool))
    last = torch.ones(BATCH, dtype=torch.long)
    for _ in range(target):
        logits, state, _ = model.decoder.step(last, memory, state)
        last = logits.argmax(-1)

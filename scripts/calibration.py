"""How far the confidence of the translator that ships can be trusted: run it as scripts/calibrate.

Measured on test sentences, which it was not fitted on: docs/confidence.csv and docs/confidence.svg.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from attention_core.errors import UserError
from attention_core.plots import save
from attention_core.translation.calibration import measured
from attention_core.translation.confidence import DOUBTFUL
from attention_core.translation.evaluation import test_sets
from attention_core.translation.predictor import shipped

OUT = Path("docs/confidence")
BINS = 10


class Calibration(NamedTuple):
    """How expected chrF e and measured chrF q agree over the n sentences of a test set.

    ``error`` is Σ_b n_b / n |mean e - mean q| over ten bins b of e, equally wide (Naeini et al.
    2015); ``correlation`` is Spearman's; ``doubted`` the share of sentences with e under 0.4, and
    the last two the mean q of those and of the others.
    """

    test_set: str
    sentences: int
    expected: float
    measured: float
    error: float
    correlation: float
    doubted: float
    measured_if_doubted: float
    measured_if_not: float


def calibration(name: str, expected: Sequence[float], quality: Sequence[float]) -> Calibration:
    """The figures of one test set."""
    e, q = np.asarray(expected), np.asarray(quality)
    doubted = e < DOUBTFUL
    return Calibration(
        name,
        len(e),
        e.mean(),
        q.mean(),
        sum(n * abs(x - y) for x, y, n in bins(e, q)) / len(e),
        np.corrcoef(ranks(e), ranks(q))[0, 1],
        doubted.mean(),
        q[doubted].mean() if doubted.any() else np.nan,
        q[~doubted].mean() if (~doubted).any() else np.nan,
    )


def bins(e: np.ndarray, q: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean expected and mean measured chrF, and the number of sentences, of each bin."""
    places = np.minimum((e * BINS).astype(int), BINS - 1)
    own = [places == b for b in range(BINS)]
    return [(e[x].mean(), q[x].mean(), int(x.sum())) for x in own if x.any()]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal values sharing their mean one."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def drawn(curves: dict[str, list[tuple[float, float, int]]]) -> Figure:
    """The reliability diagram: measured against expected chrF, a dot's area its sentences."""
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    for name, points in curves.items():
        x, y, sizes = zip(*points, strict=True)
        (line,) = axes.plot(x, y, label=name)
        axes.scatter(x, y, s=[4 + n / 8 for n in sizes], color=line.get_color())
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="expected chrF", ylabel="measured chrF, mean of the bin"
    )
    axes.legend()
    return figure


def main() -> None:
    translator = shipped()
    model = translator.confidence
    if model is None:
        raise UserError("the translator that ships has no confidence: train it anew")
    rows, curves = [], {}
    for name, pairs in test_sets(Path("data"), "test", translator.languages).items():
        results = measured(translator, pairs)
        expected = [model.expected(each.source, each.found, each.language) for each in results]
        quality = [each.quality for each in results]
        rows.append(calibration(name, expected, quality))
        curves[name] = bins(np.asarray(expected), np.asarray(quality))
        print(rows[-1])
    with OUT.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Calibration._fields)
        table.writerows([f"{x:.3f}" if isinstance(x, float) else x for x in row] for row in rows)
    save(drawn(curves), OUT.with_suffix(".svg"))


if __name__ == "__main__":
    main()

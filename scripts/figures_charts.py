"""Pictures of numbers, computed by the library as they are drawn."""

import doctest
import math
import re
from contextlib import redirect_stdout
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures_canvas import INK, Canvas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from attention_core import (
    SCORERS,
    Additive,
    Attention,
    LocalMonotonic,
    LocalPredictive,
    Memory,
    ScheduledSampling,
    Tokenizer,
    TrainingConfig,
    beam_search,
    build_scorer,
    masked_softmax,
)
from attention_core.parts.dropout import sequence_mask
from attention_core.plots import alignment_arcs, alignment_heatmap
from attention_core.search.sampling import truncated
from attention_core.training import bucketed
from attention_core.training.schedules import learning_rate
from attention_core.translation import TASK

DOCS = Path(__file__).parents[1] / "docs"
BLUE = "#2f6fb5"


def example() -> Figure:
    found = _page("example")
    return alignment_heatmap(found["words"], found["output"], found["found"].weights)


def arcs() -> Figure:
    found = _page("example")
    return alignment_arcs(found["words"], found["output"], found["found"].weights)


def masks() -> Figure:
    scores = torch.tensor([1.2, -0.3, 2.0, 0.4, 1.6])
    valid = torch.tensor([True, True, True, False, False])
    figure, (left, middle, right) = _panels(3, 2.2)
    colours = [BLUE if real else "#c9d1d9" for real in valid]
    for axes, numbers, title in (
        (left, scores, "scores $e_s$"),
        (middle, valid.double(), "valid"),
        (right, masked_softmax(scores, valid), "masked_softmax $\\alpha_s$"),
    ):
        bars = axes.bar(range(5), numbers.tolist(), color=colours)
        if axes is right:
            axes.bar_label(bars, [f"{number:.2f}" for number in numbers], fontsize=8)
            axes.set_ylim(0, 0.75)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(5), [f"$s={s}$" for s in range(5)], fontsize=8)
    middle.set_yticks([0, 1], ["False", "True"])
    return figure


def scorers() -> Figure:
    """e(q, h) over the plane of h, for q fixed and random matrices."""
    torch.manual_seed(5)
    figure, grid = _panels(6, 3.6, rows=2)
    line = torch.linspace(-2, 2, 61)
    plane = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, -1, 2)
    query = torch.tensor([[[1.0, 0.5]]])
    for axes, name in zip(grid, SCORERS, strict=True):
        scorer = build_scorer(name, 2, 2, 4).requires_grad_(False)
        for weight in scorer.parameters():
            if weight.dim() == 2:
                weight.normal_()
        scores = scorer(query, scorer.project_keys(plane)).view(61, 61)
        axes.imshow(
            scores.numpy(),
            cmap="RdBu_r",
            origin="lower",
            extent=(-2, 2, -2, 2),
            interpolation="none",
        )
        axes.annotate(
            "", query[0, 0].tolist(), (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK}
        )
        axes.set_title(name, fontsize=10)
        axes.set_xticks([-2, 0, 2])
        axes.set_yticks([-2, 0, 2])
    return figure


def windows() -> Figure:
    """Weights of a scorer that finds all positions alike."""
    torch.manual_seed(3)
    steps, positions = 8, 10
    values = torch.zeros(1, positions, 4)
    memory = Memory(values, values, torch.ones(1, positions, dtype=torch.bool), values[:, 0])
    query = torch.linspace(-1, 1, steps)[None, :, None] * torch.tensor([1.0, 0.5, -0.5, 1.0])
    predictive = LocalPredictive(4, 4, reach=2).requires_grad_(False)
    predictive.query.weight.copy_(torch.eye(4))
    predictive.place.weight.copy_(torch.tensor([[1.0, 1.0, -1.0, 1.0]]))
    figure, grid = _panels(3, 2.6)
    for axes, (title, window) in zip(
        grid,
        {
            "window=None": None,
            "LocalMonotonic(2)": LocalMonotonic(2),
            "LocalPredictive(…, reach=2)": predictive,
        }.items(),
        strict=True,
    ):
        attention = Attention(build_scorer("dot", 4, 4, 4), window=window)
        _, weights = attention(query, memory, torch.arange(steps)[None])
        _grid(axes, weights[0], title, top=0.35)
    return figure


def coverage() -> Figure:
    """Three steps of additive attention whose coverage weight is negative."""
    scorer = Additive(1, 1, 1, coverage=True).requires_grad_(False)
    for part, weight in ((scorer.query, 0.0), (scorer.key, 1.0), (scorer.energy, 6.0)):
        part.weight.fill_(weight)
    scorer.key.bias.fill_(0.0)
    scorer.coverage.weight.fill_(-1.5)
    values = torch.tensor([[[0.9], [0.5], [0.1], [-0.3]]])
    memory = Memory(values, scorer.project_keys(values), torch.ones(1, 4).bool(), values[:, 0])
    attention, so_far = Attention(scorer), torch.zeros(1, 1, 4)
    looked, covered = [], []
    for t in range(5):
        covered.append(so_far[0, 0])
        _, weights = attention(torch.zeros(1, 1, 1), memory, torch.tensor([[t]]), so_far)
        looked.append(weights[0, 0])
        so_far = so_far + weights
    figure, (left, right) = _panels(2, 2.6)
    _grid(left, torch.stack(covered), "coverage before step $t$", top=2)
    _grid(right, torch.stack(looked), "weights $\\alpha_{ts}$", top=0.7)
    return figure


def dropout() -> Figure:
    """What multiplies the state at each of eight steps."""
    torch.manual_seed(4)
    like = torch.zeros(8, 1)
    anew = sequence_mask(like, 12, 0.4)
    once = sequence_mask(like[:1], 12, 0.4).expand(8, -1)
    figure, (left, right) = _panels(2, 2.4)
    for axes, mask, title in ((left, anew, "dropout"), (right, once, "variational")):
        _grid(axes, mask, title, top=2.5)
        axes.set_xlabel("unit", fontsize=9)
    return figure


class Prefix(list[tuple[int, ...]]):
    """The state of a model that remembers what it has read: a prefix for each row."""

    def rows(self, index: Tensor) -> "Prefix":
        return Prefix(self[i] for i in index.tolist())

    def repeated(self, times: int) -> "Prefix":
        return Prefix(prefix for prefix in self for _ in range(times))


def search() -> Figure:
    """All prefixes that a beam of two looked at, in the model of the page on search."""
    page = _page("search")
    table, words = page["table"], page["words"]
    kept: dict[tuple[int, ...], float] = {}

    def step(tokens: Tensor, memory: None, state: Prefix) -> tuple[Tensor, Prefix, None]:
        read = Prefix(
            (*prefix, token) for prefix, token in zip(state, tokens.tolist(), strict=True)
        )
        kept.update({prefix: _probability(prefix, table) for prefix in read})
        return table[tokens].log(), read, None

    beam_search(step, None, Prefix([()]), width=2, length_penalty=0.0, **page["options"])
    canvas = Canvas(5.5, 3.6)
    places = {(3,): (0.5, 1.8)}
    nodes = {(3,): canvas.box(0.5, 1.8, words[3], "attention", 0.7, 0.4)}
    for depth in range(1, max(map(len, kept)) + 1):
        longer = [(*prefix, word) for prefix in kept for word in range(3) if len(prefix) == depth]
        tried = [prefix for prefix in longer if _probability(prefix, table)]
        for rank, prefix in enumerate(sorted(tried, key=lambda prefix: places[prefix[:-1]][1])):
            places[prefix] = (0.5 + 2.1 * depth, 3.6 * (rank + 0.5) / len(tried))
            ended = prefix[-1] == 0
            kind = "readout" if ended else "attention" if prefix in kept else "state"
            text = f"{words[prefix[-1]]}  {_probability(prefix, table):.2f}"
            nodes[prefix] = canvas.box(*places[prefix], text, kind, 1.2, 0.4)
            canvas.arrow(nodes[prefix[:-1]], nodes[prefix], dashed=kind == "state")
    return canvas.figure


def _probability(prefix: tuple[int, ...], table: Tensor) -> float:
    return math.prod(float(table[pair]) for pair in pairwise(prefix))


def sampling() -> Figure:
    """What is left of a distribution over eight words."""
    logits = torch.tensor([0.30, 0.22, 0.16, 0.12, 0.09, 0.06, 0.03, 0.02]).log()
    figure, grid = _panels(4, 2.0)
    for axes, (title, left) in zip(
        grid,
        {
            "$\\tau=1$": logits,
            "$\\tau=0.5$": logits / 0.5,
            "top_k=3": truncated(logits, 3, None),
            "top_p=0.75": truncated(logits, None, 0.75),
        }.items(),
        strict=True,
    ):
        axes.bar(range(8), left.softmax(-1).tolist(), color=BLUE)
        axes.set_title(title, fontsize=10)
        axes.set_ylim(0, 0.55)
        axes.set_xticks([])
    return figure


def schedules() -> Figure:
    """Learning rates of 1,000 updates, and the probability of reading the true word."""
    updates = range(1000)
    figure, (left, right) = _panels(2, 2.8)
    for schedule in ("constant", "cosine", "inverse_sqrt", "plateau"):
        config = TrainingConfig(
            epochs=1, learning_rate=1.0, warmup=100, schedule=schedule, patience=9, lowest_rate=0.1
        )
        rates = [learning_rate(config, update, 1000, update // 250) for update in updates]
        left.plot(updates, rates, label=schedule)
    left.set_title("learning_rate / η", fontsize=10)
    for decay in (
        ScheduledSampling(decay="linear", k=1.0, c=0.001, lowest=0.25),
        ScheduledSampling(decay="exponential", k=0.997),
        ScheduledSampling(decay="inverse_sigmoid", k=100.0),
    ):
        right.plot(updates, [decay.probability(update) for update in updates], label=decay.decay)
    right.set_title("scheduled sampling: $\\epsilon_i$", fontsize=10)
    for axes in (left, right):
        axes.set_ylim(0, 1.08)
        axes.set_xlabel("$i$", fontsize=9)
        axes.legend(fontsize=7.5, frameon=False)
    return figure


def batching() -> Figure:
    """Padding of batches in the order of the text, and bucketed."""
    generator = np.random.default_rng(2)
    lengths = np.clip(generator.lognormal(2.2, 0.5, 48).astype(int), 2, 30).tolist()
    figure, (left, right) = _panels(2, 2.6)
    chunks = [list(range(start, start + 8)) for start in range(0, 48, 8)]
    for axes, batches, title in (
        (left, chunks, "in order"),
        (right, bucketed(lengths, batch_tokens=90, seed=1), "bucketed(lengths, 90, seed=1)"),
    ):
        rows = np.zeros((48 + len(batches) - 1, max(lengths)))  # a blank row between batches
        row = padded = 0
        for batch in batches:
            longest = max(lengths[i] for i in batch)
            for i in batch:
                rows[row, :longest], rows[row, : lengths[i]] = 0.25, 0.8
                row += 1
            row += 1
            padded += longest * len(batch)
        share = 1 - sum(lengths) / padded
        axes.imshow(rows, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_title(f"{title}: {share:.0%} padding", fontsize=10)
        axes.set_yticks([])
        axes.set_xlabel("tokens", fontsize=9)
    return figure


def tokenizer() -> Figure:
    """Sentences in the pieces of the tokenizer that ships."""
    shipped = Tokenizer.load(TASK.shipped / "tokenizer.model")
    canvas = Canvas(7.4, 2.0)
    for row, text in enumerate(["A dog chases a mouse.", "Donaudampfschifffahrt", "🐭"]):
        x, y = 0.1, 1.7 - 0.65 * row
        for piece in shipped.pieces(shipped.encode(text)):
            width = 0.25 + 0.1 * len(piece)
            canvas.box(x + width / 2, y, piece, "source", width, 0.4)
            x += width + 0.06
    return canvas.figure


@cache
def _page(name: str) -> dict[str, Any]:
    """The variables that a page's code leaves; what it prints and saves is left out."""
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    code = "".join(
        example.source
        for block in blocks
        for example in doctest.DocTestParser().get_examples(block)
        if not example.source.startswith("save(")
    )
    found: dict[str, Any] = {}
    try:
        with redirect_stdout(None):
            exec(code, found)
    finally:
        torch.set_grad_enabled(True)
    return found


def _panels(count: int, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.4, height), facecolor="white", layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, count // rows)))


def _grid(axes: Axes, numbers: Tensor, title: str, top: float) -> None:
    """Steps from above to below, positions from left to right; white for 0."""
    axes.imshow(
        numbers.numpy(), cmap="Blues", vmin=0, vmax=top, aspect="auto", interpolation="nearest"
    )
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("$s$", fontsize=9)
    axes.set_ylabel("$t$", fontsize=9)
    axes.set_xticks(range(numbers.size(1)), range(numbers.size(1)), fontsize=7)
    axes.set_yticks(range(numbers.size(0)), range(numbers.size(0)), fontsize=7)


CHARTS = {
    "example": example,
    "arcs": arcs,
    "masks": masks,
    "scorers": scorers,
    "windows": windows,
    "coverage": coverage,
    "dropout": dropout,
    "search": search,
    "sampling": sampling,
    "schedules": schedules,
    "batching": batching,
    "tokenizer": tokenizer,
}

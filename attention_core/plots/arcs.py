"""Alignment as two sentences joined by arcs."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from numpy.typing import ArrayLike

from attention_core.plots.alignment import FAINTEST, checked, spread
from attention_core.plots.text import TITLE_HEIGHT, label, style, title_width, width, write_title

LINE = 0.34
TALLEST = 24.0
REACH = 2.4
GAP = 0.1
MARGIN = 0.2
THICKEST = 9.0
INK = "#1f4e8c"


def alignment_arcs(
    source_words: Sequence[str],
    target_words: Sequence[str],
    weights: ArrayLike,
    title: str | None = None,
) -> Figure:
    """The source on the left, the target on the right, a word a line, joined by arcs.

    An arc is as thick as its weight, and darker the heavier it is; weights under 2 % are left out.
    The shorter sentence is spread over the height of the longer; a word of more than 40
    characters is written without its middle.

    Shapes: weights (T, S), T target words by S source words.

    Raises:
        UserError: if the weights don't fit the words.

    >>> weights = [[0.9, 0.1], [0.01, 0.99]]
    >>> figure = alignment_arcs(["cat", "sleeps"], ["猫", "睡觉"], weights)
    >>> len(figure.axes[0].patches)  # 0.01 is left out
    3
    """
    grid = checked(source_words, target_words, weights)
    left, right = [*map(label, source_words)], [*map(label, target_words)]
    lines = max(len(left), len(right))
    line = min(LINE, TALLEST / lines)
    size = 12 * line / LINE

    start = MARGIN + max(width(word, size) for word in left) + GAP
    end = start + REACH
    across = end + GAP + max(width(word, size) for word in right) + MARGIN
    top = MARGIN + (TITLE_HEIGHT if title else 0)
    down = top + lines * line + MARGIN
    if title:
        across = max(across, title_width(title) + 2 * MARGIN)

    figure = Figure(figsize=(across, down), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, across), ylim=(down, 0))
    axes.set_axis_off()

    sources, targets = (
        [top + line * height for height in spread(len(words), lines)] for words in (left, right)
    )
    middle = (start + end) / 2
    steps = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    for target, row in zip(targets, grid, strict=True):
        for source, weight in zip(sources, row, strict=True):
            if weight >= FAINTEST:
                points = [(start, source), (middle, source), (middle, target), (end, target)]
                axes.add_patch(
                    PathPatch(
                        Curve(points, steps),
                        fill=False,
                        edgecolor=INK,
                        linewidth=THICKEST * line / LINE * weight,
                        alpha=0.25 + 0.65 * min(weight, 1.0),
                    )
                )

    written = {"va": "center_baseline", **style(size)}
    for word, height in zip(left, sources, strict=True):
        axes.text(start - GAP, height, word, ha="right", **written)
    for word, height in zip(right, targets, strict=True):
        axes.text(end + GAP, height, word, ha="left", **written)
    if title:
        write_title(figure, title)
    return figure

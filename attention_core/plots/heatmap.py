"""Alignment as a heat map."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from attention_core.plots.alignment import checked
from attention_core.plots.text import TITLE_HEIGHT, label, style, title_width, width, write_title

LABEL_GAP = 0.12
MARGIN = 0.2
LINES = "#d5dee8"


def alignment_heatmap(
    source_words: Sequence[str],
    target_words: Sequence[str],
    weights: ArrayLike,
    title: str | None = None,
) -> Figure:
    """A T×S grid of cells, white for weight 0 and dark blue for weight 1.

    Source words stand above, target words on the left, as in Bahdanau et al. 2014, figure 3.
    The cells shrink with the longer sentence and the letters with the cells; the labels get the
    room they need; one of more than 40 characters, such as an address, is written without its
    middle.

    Shapes: weights (T, S), T target words by S source words.

    Raises:
        UserError: if the weights don't fit the words.

    >>> figure = alignment_heatmap(["cat", "sleeps"], ["猫", "睡觉"], [[0.9, 0.1], [0.2, 0.8]])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['猫', '睡觉']
    """
    grid = checked(source_words, target_words, weights)
    rows, columns = grid.shape
    above, left = [*map(label, source_words)], [*map(label, target_words)]

    cell = float(np.clip(6 / max(rows, columns), 0.4, 0.8)) * min(1, 60 / max(rows, columns))
    size = min(12, 72 * cell * 0.42)
    above_width = max(width(word, size) for word in above)
    left_width = max(width(word, size) for word in left)
    upright = above_width > cell * 0.9
    above_height = above_width if upright else size / 72 * 1.3

    start = MARGIN + left_width + LABEL_GAP
    across = start + columns * cell + MARGIN
    down = MARGIN + above_height + LABEL_GAP + rows * cell + MARGIN
    if title:
        across = max(across, title_width(title) + 2 * MARGIN)
        down += TITLE_HEIGHT

    figure = Figure(figsize=(across, down), facecolor="white")
    axes = figure.add_axes(
        (start / across, MARGIN / down, columns * cell / across, rows * cell / down)
    )
    axes.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=LINES, linewidth=cell)
    axes.spines[:].set(color=LINES, linewidth=cell)
    axes.tick_params(which="minor", length=0)
    axes.tick_params(length=0, pad=LABEL_GAP * 72 / 2, top=True, labeltop=True, labelbottom=False)
    axes.set_xticks(range(columns), above, rotation=90 if upright else 0, **style(size))
    axes.set_yticks(range(rows), left, **style(size))
    if title:
        write_title(figure, title)
    return figure

"""Where the decoder looked in the picture for each word of its caption."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from attention_core.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_SIDE = 640
SPREAD = 0.5
DIM = 0.38
DUSK = (28, 34, 50)

TILE = 1.9
LABEL = 0.3
GAP = 0.14
HEAD = 0.55


def attention_overlays(
    image: Image.Image, words: Sequence[str], grids: Iterable[ArrayLike]
) -> list[Image.Image]:
    """The picture once for each word: lit where the decoder looked, in grey dusk elsewhere.

    pixel = light · colour + (1 - light) · (0.38 · grey + dusk)

    The light is the word's grid drawn out smoothly over the picture (each pixel takes a Gaussian
    mean of the cells around it) and divided by its own maximum, so what was looked at most shows
    the picture as it is. The minimum is not stretched to 0: a spot looked at half as much as the
    brightest is half lit, and a nearly even gaze gives a picture lit nearly everywhere.

    Shapes: each of the grids (h, w), non-negative, one for each word. A picture longer than 640
    pixels is shrunk to that.

    Raises:
        UserError: if there isn't one grid of two axes for each word.
    """
    maps = checked_grids(words, grids)
    picture = shrunk(image)
    colour = np.asarray(picture, dtype=np.float64)
    grey = np.asarray(picture.convert("L"), dtype=np.float64)[..., None]
    shade = DIM * grey + np.array(DUSK)

    overlays = []
    for grid in maps:
        lit = light(grid, *grey.shape[:2])[..., None]
        pixels = lit * colour + (1 - lit) * shade
        overlays.append(Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)))
    return overlays


def shrunk(image: Image.Image) -> Image.Image:
    """The picture in colours, its longest side at most 640 pixels."""
    picture = image.convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return picture


def checked_grids(words: Sequence[str], grids: Iterable[ArrayLike]) -> list[NDArray[np.float64]]:
    """The grids as arrays. Raises UserError if there isn't one of two axes for each word."""
    maps = [np.asarray(grid, dtype=np.float64) for grid in grids]
    shapes = [grid.shape for grid in maps]
    if len(maps) != len(words) or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise UserError(
            f"{len(words)} words need {len(words)} attention grids of shape (h, w), "
            f"got {len(maps)} of shapes {sorted(set(shapes))}."
        )
    return maps


def light(grid: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """`grid` (h, w) as a smooth map (height, width) whose largest value is 1."""
    rows, columns = grid.shape
    smooth: NDArray[np.float64] = _spread(height, rows) @ grid @ _spread(width, columns).T
    return smooth / max(float(smooth.max()), 1e-300)


def _spread(pixels: int, cells: int) -> NDArray[np.float64]:
    """How much each of `pixels` along an axis takes from each of `cells`: rows that sum to 1."""
    places = (np.arange(pixels) + 0.5) / pixels * cells
    distances = places[:, None] - (np.arange(cells) + 0.5)
    nearness: NDArray[np.float64] = np.exp(-0.5 * (distances / SPREAD) ** 2)
    nearness /= nearness.sum(axis=1, keepdims=True)
    return nearness


def attention_sheet(
    image: Image.Image,
    caption: str,
    words: Sequence[str],
    grids: Iterable[ArrayLike],
    looked: Sequence[float] | None = None,
) -> "Figure":
    """One sheet with the caption, the picture and a tile for each word, lit where it looked.

    The tiles are those of `attention_overlays`, in reading order, laid out as figure 3 of Xu et
    al. 2015 (Show, Attend and Tell). With ``looked``, each word is followed by how much of the
    attention was on the picture at all, 1 - β of Lu et al. 2017, figure 5.

    Raises:
        UserError: if there isn't one grid of two axes, and one share if any, for each word.
    """
    from matplotlib.figure import Figure

    from attention_core.plots.text import legible, style, width

    if looked is not None and len(looked) != len(words):
        raise UserError(f"{len(words)} words need {len(words)} shares, got {len(looked)}.")
    tiles = [shrunk(image), *attention_overlays(image, words, grids)]
    labels = ["", *map(legible, words)]
    if looked is not None:
        shares = ["looked", *(f"{share:.0%}" for share in looked)]
        labels = [f"{label} {share}".strip() for label, share in zip(labels, shares, strict=True)]
    columns = min(len(tiles), min(range(6, 3, -1), key=lambda count: -len(tiles) % count))
    rows = -(-len(tiles) // columns)

    aspect = tiles[0].width / tiles[0].height
    wide = TILE * min(max(aspect, 0.5), 2.0) ** 0.5
    high = wide / min(max(aspect, 0.5), 2.0)
    across = columns * (wide + GAP) + GAP
    down = HEAD + rows * (high + LABEL + GAP)

    def fitting(text: str, room: float, size: float) -> float:
        return size * min(1.0, room / max(width(text, size), 1e-9))

    figure = Figure(figsize=(across, down), facecolor="white")
    title = legible(caption)
    figure.text(
        GAP / across,
        1 - HEAD * 0.6 / down,
        title,
        va="center_baseline",
        **style(fitting(title, across - 2 * GAP, 15)),
    )
    for index, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        row, column = divmod(index, columns)
        left, top = GAP + column * (wide + GAP), HEAD + row * (high + LABEL + GAP)
        axes = figure.add_axes(
            (left / across, 1 - (top + LABEL + high) / down, wide / across, high / down)
        )
        axes.imshow(np.asarray(tile), interpolation="lanczos")
        axes.set_axis_off()
        figure.text(
            (left + wide / 2) / across,
            1 - (top + LABEL * 0.55) / down,
            label,
            ha="center",
            va="center_baseline",
            **style(fitting(label, wide + GAP, 12)),
        )
    return figure

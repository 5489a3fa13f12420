"""A picture and its caption to point at: a word shows its region, a region its words."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from attention_core.wording import Table, said
from captioner.overlay import checked_grids, light, shrunk

VEIL = 32  # pixels on a side of what dims the picture; the browser draws it out smoothly
DARKEST = 0.8
DUSK = (18, 22, 36)
POINT = "Point at a word to see where the model looked, or at the picture to see which words."

STYLE = """
.pointing { position: relative; margin: 0 }
.pointing > img { display: block; width: 100%; border-radius: .4em }
.pointing ol { list-style: none; display: flex; flex-wrap: wrap; gap: .3em; margin: .7em 0 .3em;
  padding: 0; font-size: 1.15em }
.pointing li { margin: 0; padding: 0 }
.pointing li label { cursor: pointer; display: inline-block; padding: .15em .5em; border-radius:
  .4em; border: 1px solid rgb(128 128 128/.35);
  background: rgb(59 130 246/calc(var(--here, 0)*.6)) }
.pointing li small { opacity: .75; font-size: .65em; margin-inline-start: .4em }
.pointing input, .pointing .read { position: absolute; width: 1px; height: 1px; margin: 0;
  opacity: 0; overflow: hidden; pointer-events: none }
.pointing .veil { position: absolute; inset: 0 0 auto 0; width: 100%; border-radius: .4em;
  visibility: hidden; pointer-events: none }
.pointing label:is(:hover, :has(:checked), :has(:focus-visible)) .veil { visibility: visible }
.pointing:has(label:hover) label:not(:hover) .veil { visibility: hidden }
.pointing li label:is(:hover, :has(:checked), :has(:focus-visible)) { border-color: #3b82f6;
  box-shadow: 0 0 0 1px #3b82f6 }
.pointing .cells { position: absolute; inset: 0 0 auto 0; display: grid; border-radius: .4em;
  overflow: hidden }
.pointing .cells label:is(:hover, :has(:checked), :has(:focus-visible)) { outline: 2px solid
  white; box-shadow: inset 0 0 0 2px #3b82f6; outline-offset: -4px }
.pointing footer { display: flex; justify-content: space-between; gap: 1em; align-items: center;
  font-size: .8em; min-height: 2em }
.pointing button { all: unset; cursor: pointer; padding: .2em .8em; border-radius: 1em;
  border: 1px solid; white-space: nowrap }
.pointing button:focus-visible { outline: 2px solid #3b82f6 }
.pointing:not(:has(:checked)) button { visibility: hidden }
"""


def pointing_html(
    image: Image.Image,
    caption: str,
    words: Sequence[str],
    grids: Sequence[ArrayLike],
    looked: Sequence[float] | None = None,
    *,
    wording: Table | None = None,
) -> str:
    """The picture with the words of its caption: point at one to see where the model looked.

    The picture is then dimmed where it looked less than at its brightest, as in
    ``overlay.attention_overlays``. Point at the picture instead, and the words are shaded by how
    much they looked there, beside where each looked most. What is clicked stays; arrow keys go
    from word to word, and then over the picture. One element with its own style and picture: it
    has no script and loads nothing. ``looked`` shows how much each word looked at all.

    Shapes: each of the grids (h, w), non-negative, one for each word.

    Raises UserError if there isn't one grid of two axes for each word.
    """
    maps = checked_grids(words, grids)
    table = wording or {}
    picture = shrunk(image)
    ratio = f"aspect-ratio:{picture.width}/{picture.height}"
    name = f"p{zlib.crc32(b''.join(grid.tobytes() for grid in maps)):x}"  # its own in the page
    label = escape(said("Where the model looked for each word", table))
    return (
        f'<form class="pointing {name}" method="dialog" aria-label="{label}">'
        f"<style>{STYLE}{_shades(name, maps)}</style>"
        f'<img src="{_uri(picture, "JPEG")}" alt="{escape(caption)}"/>'
        f"<ol>{_words(words, maps, looked, ratio, table)}</ol>"
        f'<div class="cells" style="{ratio};{_columns(maps)}">{_cells(words, maps, table)}</div>'
        f"<footer><span>{escape(said(POINT, table))}</span>"
        f'<button type="reset">{escape(said("All of it", table))}</button></footer></form>'
    )


def _words(
    words: Sequence[str],
    maps: Sequence[NDArray[np.float64]],
    looked: Sequence[float] | None,
    ratio: str,
    table: Table,
) -> str:
    entries = []
    for index, (word, grid) in enumerate(zip(words, maps, strict=True)):
        row, column = np.unravel_index(int(grid.argmax()), grid.shape)
        place = said(f"looked most at row {row + 1}, column {column + 1}", table)
        share = "" if looked is None else f"<small>{looked[index]:.0%}</small>"
        entries.append(
            f'<li><label style="--here:var(--w{index}, 0)"><input type="radio" name="look"/>'
            f"<bdi>{escape(word)}</bdi>{share}"
            f'<span class="read">, {escape(place)}</span>'
            f'<img class="veil" style="{ratio}" src="{_uri(_veil(grid), "PNG")}" alt=""/>'
            "</label></li>"
        )
    return "".join(entries)


def _cells(words: Sequence[str], maps: Sequence[NDArray[np.float64]], table: Table) -> str:
    if not maps:
        return ""
    rows, columns = maps[0].shape
    cells = []
    for row in range(rows):
        for column in range(columns):
            here = sorted(
                ((_share(grid)[row, column], word) for grid, word in zip(maps, words, strict=True)),
                reverse=True,
            )
            name = said(f"row {row + 1}, column {column + 1}", table)
            spoken = ", ".join(f"{word} {share:.0%}" for share, word in here[:3])
            cells.append(
                f'<label class="c{row * columns + column}"><input type="radio" name="look"/>'
                f'<span class="read">{escape(f"{name}: {spoken}")}</span></label>'
            )
    return "".join(cells)


def _columns(maps: Sequence[NDArray[np.float64]]) -> str:
    rows, columns = maps[0].shape if maps else (1, 1)
    return f"grid-template:repeat({rows},1fr)/repeat({columns},1fr)"


def _shades(name: str, maps: Sequence[NDArray[np.float64]]) -> str:
    """For each cell of the picture, how much each word is shaded while it is pointed at."""
    shares = [_share(grid).ravel() for grid in maps]
    cells = len(shares[0]) if shares else 0
    return "".join(
        f".{name}:has(.c{cell}:is(:hover, :has(:checked), :has(:focus-visible)))"
        f"{{{';'.join(f'--w{word}:{share[cell]:.2f}' for word, share in enumerate(shares))}}}"
        for cell in range(cells)
    )


def _share(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much was looked at each cell, beside the one that was looked at most."""
    share: NDArray[np.float64] = grid / max(float(grid.max()), 1e-300)
    return share


def _veil(grid: NDArray[np.float64]) -> Image.Image:
    """Dusk, the denser the less was looked there."""
    alpha = (1 - light(grid, VEIL, VEIL)) * DARKEST * 255
    veil = Image.new("RGB", (VEIL, VEIL), DUSK)
    veil.putalpha(Image.fromarray(alpha.round().astype(np.uint8)))
    return veil


def _uri(image: Image.Image, kind: str) -> str:
    file = io.BytesIO()
    image.save(file, kind, quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{data}"

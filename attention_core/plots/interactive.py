"""Alignment as a piece of a web page: arcs, and for each word its own."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attention_core.plots.alignment import FAINTEST, checked, spread
from attention_core.wording import Table, said

# A part of the page dims its words' arcs where one of them is pointed at, chosen or in focus, and
# that one is shown: the focus of a keyboard goes before the pointer, the pointer before the choice.
STYLE = """
.alignment { --side: 38%; max-width: 34rem; margin: 0 auto; line-height: 1.25; font-family:
  system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif }
.alignment h4 { margin: 0 0 .6em; text-align: center; font: inherit; font-weight: 600 }
.alignment .part { position: relative; isolation: isolate; margin: .7em 0; display: grid;
  grid-template-columns: var(--side) var(--side); justify-content: space-between;
  height: calc(var(--lines)*1.8em) }
.alignment ol { margin: 0; padding: 0; min-width: 0; list-style: none; display: flex;
  flex-direction: column }
.alignment li { flex: 1; min-height: 0; margin: 0; padding: 0; display: flex }
.alignment label { flex: 1; min-width: 0; display: flex; align-items: center; cursor: pointer;
  padding: 0 2.5em 0 .45em }
.alignment .source label { flex-direction: row-reverse; padding: 0 .45em 0 2.5em }
.alignment bdi { overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  padding: .2em 0; border-radius: .2em; text-underline-offset: .2em;
  text-decoration: underline var(--line, transparent) .15em }
.alignment input, .alignment .read { position: absolute; width: 1px; height: 1px; margin: 0;
  opacity: 0; overflow: hidden; pointer-events: none }
.alignment .looks { visibility: var(--shown, hidden); pointer-events: none }
.alignment .looks i { position: absolute; z-index: -1; width: var(--side); line-height: 1.5em;
  padding: 0 .4em; box-sizing: border-box; transform: translateY(-50%); border-radius: .3em;
  background: rgb(59 130 246/calc(var(--w)*.55)); text-align: left; font-style: normal }
.alignment .source .looks i { right: 0; text-align: right }
.alignment .target .looks i { left: 0 }
.alignment small { font-size: .75em }
.alignment svg { position: absolute; top: 0; height: 100%; left: var(--side);
  width: calc(100% - 2*var(--side)); opacity: var(--seen, 1); transition: opacity .15s }
.alignment .target svg { visibility: visible }
.alignment path { fill: none; stroke: #3b82f6; vector-effect: non-scaling-stroke;
  stroke-width: calc(var(--w)*9px); stroke-opacity: calc(.25 + .65*var(--w)) }
.alignment .part:has(label:hover, :checked, :focus-visible) { --seen: .07 }
.alignment label:is(:hover, :has(:checked, :focus-visible)) { --seen: 1; --shown: visible;
  --line: #3b82f6 }
.alignment .part:has(label:hover):not(:has(:focus-visible)) label:not(:hover),
.alignment .part:has(:focus-visible) label:not(:has(:focus-visible)) { --seen: .07;
  --shown: hidden; --line: transparent }
.alignment label:has(:focus-visible) bdi { outline: 2px solid #3b82f6 }
.alignment footer { display: flex; justify-content: space-between; gap: 1em; align-items: center;
  font-size: .8em; min-height: 2em }
.alignment button { all: unset; cursor: pointer; padding: .2em .8em; border-radius: 1em;
  border: 1px solid; white-space: nowrap }
.alignment button:focus-visible { outline: 2px solid #3b82f6 }
.alignment:not(:has(:checked)) button { visibility: hidden }
@media (max-width: 30rem) { .alignment { --side: 43%; font-size: .9em } }
"""

POINT = "Point at a word, or choose it, to see its arcs alone."


def alignment_html(
    source_words: Sequence[str],
    target_words: Sequence[str],
    weights: ArrayLike,
    title: str | None = None,
    *,
    wording: Table | None = None,
) -> str:
    """The arcs of `alignment_arcs` as HTML: point at a word or choose it, and only its arcs stay.

    The words at their other ends are then shaded by their weight, with its number. One element
    with its own style, for a page, a notebook (`IPython.display.HTML`) or gradio's `HTML`: it has
    no script, loads nothing, follows the page's colours and fits a phone. Words are text, never
    markup. A screen reader says each word with the words that it goes with.

    Where no weight joins what is before with what is after, as between sentences, there is a gap.
    `wording` says what the page itself says in another language than English.

    Shapes: weights (T, S), T target words by S source words.

    Raises:
        UserError: if the weights don't fit the words.

    >>> html = alignment_html(["cat", "sleeps"], ["猫", "睡觉"], [[0.9, 0.1], [0.01, 0.99]])
    >>> html.count('<bdi>'), html.count('<path')  # an arc for either word, 0.01 is left out
    (4, 6)
    """
    grid = checked(source_words, target_words, weights)
    table = wording or {}
    parts = (
        _part(source_words[columns], target_words[rows], grid[rows, columns], table)
        for rows, columns in _apart(grid)
    )
    heading = f"<h4>{escape(title)}</h4>" if title else ""
    name = title or said("Alignment", table)
    # A form of the method "dialog" sends nothing; its button takes the choice back.
    return (
        f'<form class="alignment" method="dialog" aria-label="{escape(name)}">'
        f"<style>{STYLE}</style>{heading}{''.join(parts)}"
        f"<footer><span>{escape(said(POINT, table))}</span>"
        f'<button type="reset">{escape(said("All words", table))}</button></footer></form>'
    )


def _apart(grid: NDArray[np.float64]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the blocks along the diagonal outside which every weight is 0."""
    columns = grid.shape[1]
    looked = grid != 0
    first = np.where(looked.any(1), looked.argmax(1), columns)
    end = np.where(looked.any(1), columns - looked[:, ::-1].argmax(1), 0)
    before = np.maximum.accumulate(end)
    after = np.minimum.accumulate(first[::-1])[::-1]
    row = column = 0
    for cut in range(1, len(grid)):
        if before[cut - 1] <= after[cut] and column < after[cut] < columns:
            yield slice(row, cut), slice(column, after[cut])
            row, column = cut, after[cut]
    yield slice(row, None), slice(column, None)


def _part(
    sources: Sequence[str], targets: Sequence[str], grid: NDArray[np.float64], table: Table
) -> str:
    lines = max(grid.shape)
    left, right = ((words, spread(len(words), lines)) for words in (sources, targets))
    return (
        f'<div class="part" style="--lines:{lines}">'
        f'<ol class="source">{_side(left, right, grid.T, lines, 0, table)}</ol>'
        f'<ol class="target">{_side(right, left, grid, lines, 1, table)}</ol></div>'
    )


def _side(
    own: tuple[Sequence[str], list[float]],
    other: tuple[Sequence[str], list[float]],
    grid: NDArray[np.float64],
    lines: int,
    begin: int,
    table: Table,
) -> str:
    """The words of one side, a row of `grid` each; their arcs begin at its edge, 0 or 1."""
    looking = said("which looked at" if begin else "looked at for", table)
    entries = []
    for word, height, row in zip(*own, grid, strict=True):
        arcs, shades, spoken = [], [], []
        for index in np.argsort(-row, kind="stable"):
            weight, name, end = row[index], other[0][index], other[1][index]
            if weight >= FAINTEST:
                path = f"M{begin} {height:g}C.5 {height:g} .5 {end:g} {1 - begin} {end:g}"
                arcs.append(f'<path d="{path}" style="--w:{weight:.2f}"/>')
                place = f"top:{end / lines:.2%};--w:{weight:.2f}"
                shades.append(f'<i style="{place}"><small>{weight:.0%}</small></i>')
                spoken.append(f"{escape(name)} {weight:.0%}")
        entries.append(
            f'<li><label><input type="radio" name="word"/><bdi>{escape(word)}</bdi>'
            f'<span class="read">, {looking} {", ".join(spoken) or said("nothing", table)}</span>'
            f'<span class="looks" aria-hidden="true"><svg viewBox="0 0 1 {lines}"'
            f' preserveAspectRatio="none">{"".join(arcs)}</svg>{"".join(shades)}</span>'
            "</label></li>"
        )
    return "".join(entries)

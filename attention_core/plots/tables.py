"""Numbers as a piece of a web page: tables with bars, and words with how sure they are."""

import math
from collections.abc import Mapping, Sequence
from html import escape

DOUBTED = 0.5  # a word less probable than this shows its probability

STYLE = """
.numbers { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: .9em }
.numbers caption { text-align: start; font-weight: 600; padding: .2em 0 .4em }
.numbers th { font-weight: 500; opacity: .75 }
.numbers th, .numbers td { padding: .25em .6em; text-align: end; border-bottom: 1px solid
  rgb(128 128 128/.25); vertical-align: middle }
.numbers .text { text-align: start; overflow-wrap: anywhere }
.numbers .bar { width: 40% }
.numbers .bar i { display: inline-block; height: .8em; margin-inline-start: .6em; border-radius:
  .2em; background: #3b82f6; width: calc(var(--w)*(100% - 4.6em)); vertical-align: middle }
.numbers .bar.below i { background: #e07a2f }
.numbers .bar span { display: inline-block; width: 4em; text-align: end }
.numbers .bar { text-align: start }
"""

DOUBTS = """
.doubts { font-size: 1.05em; line-height: 2.4; margin: 0 }
.doubts bdi { border-bottom: .2em solid rgb(224 122 47/var(--d)); margin-inline-end: .35em }
.doubts rt { font-size: .6em; opacity: .8 }
"""


def table_html(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str | float]],
    *,
    bars: Mapping[int, float | None] | None = None,
) -> str:
    """A table whose numbers have three digits; in the columns `bars` each has a bar beside it.

    `bars` says which number has a whole bar: for probabilities 1, and None for the largest of the
    column. A bar below zero has another colour. One element with its own style, which loads nothing
    and follows the page's colours. Texts are texts, never markup.

    >>> rows = [["cat", 0.75], ["dog", 0.25]]
    >>> html = table_html("Weights", ["word", "weight"], rows, bars={1: 1})
    >>> html.count("<i "), "--w:0.25" in html
    (2, True)
    """
    whole = {
        column: most or max((abs(float(row[column])) for row in rows), default=0.0) or 1.0
        for column, most in (bars or {}).items()
    }

    def cell(value: str | float, column: int) -> str:
        if isinstance(value, str):
            return f'<td class="text"><bdi>{escape(value)}</bdi></td>'
        if column not in whole:
            return f"<td>{value:.3f}</td>"
        side = "bar below" if value < 0 else "bar"
        return (
            f'<td class="{side}"><span>{value:.3f}</span>'
            f'<i style="--w:{abs(value) / whole[column]:.2f}"></i></td>'
        )

    def heading(name: str, column: int) -> str:
        text = column in whole or (rows and isinstance(rows[0][column], str))
        return f'<th scope="col"{" class=text" if text else ""}>{escape(name)}</th>'

    heads = "".join(heading(name, column) for column, name in enumerate(headers))
    body = "".join(
        f"<tr>{''.join(cell(value, column) for column, value in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        f'<table class="numbers"><style>{STYLE}</style><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def doubts_html(words: Sequence[str], log_probabilities: Sequence[float]) -> str:
    """The words of an output, underlined as thickly in colour as they are improbable.

    A word of p < 0.5 shows its probability, so that colour is not all that tells it.

    >>> html = doubts_html(["A", "dog"], [-0.01, -1.2])
    >>> html.count("<rt>"), "30%" in html
    (1, True)
    """
    shown = []
    for word, log_probability in zip(words, log_probabilities, strict=True):
        p = math.exp(log_probability)
        text = f"<ruby>{escape(word)}<rt>{p:.0%}</rt></ruby>" if p < DOUBTED else escape(word)
        shown.append(f'<bdi style="--d:{1 - p:.2f}" title="{p:.0%}">{text}</bdi>')
    return f'<p class="doubts"><style>{DOUBTS}</style>{"".join(shown)}</p>'

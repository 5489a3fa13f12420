"""Text of every language of the project in a drawing, without changing matplotlib's settings."""

from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

CHINESE_FONT = Path(__file__).parent / "fonts" / "NotoSansSC-subset.otf"
TITLE_SIZE = 13.0
TITLE_HEIGHT = 0.4


@cache
def _families() -> tuple[str, ...]:
    """DejaVu Sans, which matplotlib ships, and for what it lacks the Chinese subset."""
    font_manager.fontManager.addfont(CHINESE_FONT)
    return "DejaVu Sans", FontProperties(fname=CHINESE_FONT).get_name()


@cache
def _drawable() -> frozenset[int]:
    paths = [font_manager.findfont(family) for family in _families()]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


def _font(size: float) -> FontProperties:
    """The fonts to write with, at `size` points."""
    return FontProperties(family=list(_families()), size=size)


def legible(text: str) -> str:
    """`text` with an empty box for each character that no font at hand can draw.

    >>> legible("猫 \N{DOG FACE}")
    '猫 □'
    """
    return "".join(character if ord(character) in _drawable() else "□" for character in text)


def style(size: float) -> dict[str, Any]:
    """What a drawing passes on with each piece of legible text: its fonts, and "$" is a "$".

    >>> style(12)["fontproperties"].get_size()
    12.0
    """
    return {"fontproperties": _font(size), "parse_math": False}


def width(text: str, size: float) -> float:
    """How wide legible `text` is on one line at `size` points, in inches.

    >>> round(width("mouse", 24) / width("mouse", 12))
    2
    """
    figure = Figure(dpi=72)
    label = figure.text(0, 0, text, **style(size))
    return label.get_window_extent().width / figure.dpi


def write_title(figure: Figure, title: str) -> None:
    """Write `title` in the middle of the figure's upper edge, where it takes `TITLE_HEIGHT`.

    >>> figure = Figure()
    >>> write_title(figure, "猫 捉 老鼠")
    >>> figure.texts[0].get_text()
    '猫 捉 老鼠'
    """
    figure.text(
        0.5,
        1 - 0.2 / figure.get_figheight(),
        legible(title),
        ha="center",
        va="top",
        **style(TITLE_SIZE),
    )

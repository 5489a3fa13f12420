"""Text of every language in a drawing, without changing matplotlib's settings."""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

CHINESE_FONT = Path(__file__).parent / "fonts" / "NotoSansSC-subset.otf"
TITLE_SIZE = 13.0
TITLE_HEIGHT = 0.4
LONGEST_LABEL, LONGEST_TITLE = 40, 120  # characters


@cache
def _families() -> list[str]:
    """DejaVu Sans, which matplotlib ships, and for what it lacks the Chinese subset.

    To these `_drawable` adds those of the machine that it finds a use for.
    """
    font_manager.fontManager.addfont(CHINESE_FONT)
    return ["DejaVu Sans", FontProperties(fname=CHINESE_FONT).get_name()]


@cache
def _drawn_by(family: str) -> frozenset[int]:
    """The characters that a family of fonts draws."""
    path = font_manager.findfont(FontProperties(family=[family]))
    return frozenset(font_manager.get_font(path).get_charmap())


@cache
def _installed() -> list[str]:
    """The families of this machine, those most like ours first; not those that draw but boxes."""
    names = {
        font.name
        for font in font_manager.fontManager.ttflist
        if (font.weight, font.style) == (400, "normal") and "Resort" not in font.name
    }
    return sorted(names, key=lambda name: (not name.endswith(" SC"), "Sans" not in name, name))


@cache
def _drawable(character: str) -> bool:
    """Whether a font at hand has the character: one of ours, else one of the machine's."""
    if any(ord(character) in _drawn_by(family) for family in _families()):
        return True
    found = [family for family in _installed() if ord(character) in _drawn_by(family)][:1]
    _families().extend(found)
    return bool(found)


def legible(text: str) -> str:
    """`text` with an empty box for each character that no font of this machine can draw.

    Warns of each such character.

    >>> legible("猫")
    '猫'
    """
    for character in sorted({*text}):
        if not _drawable(character):
            warnings.warn(
                f"no font of this machine can draw {character} (U+{ord(character):04X}):"
                " □ stands for it",
                stacklevel=2,
            )
            text = text.replace(character, "□")
    return text


def shortened(text: str, most: int) -> str:
    """The text, with "…" for its middle where it has more characters than ``most``.

    >>> shortened("example.org/a/long/address", 12)
    'exampl…dress'
    """
    return text if len(text) <= most else f"{text[: most // 2]}…{text[1 + most // 2 - most :]}"


def label(word: str) -> str:
    """What a drawing writes of a word.

    >>> len(label("https://example.org/" + "a" * 900))
    40
    """
    return legible(shortened(word, LONGEST_LABEL))


def style(size: float) -> dict[str, Any]:
    """What a drawing passes on with each piece of legible text: its fonts, and "$" is a "$".

    >>> style(12)["fontproperties"].get_size()
    12.0
    """
    fonts = FontProperties(family=_families(), size=size)
    return {"fontproperties": fonts, "parse_math": False}


def width(text: str, size: float) -> float:
    """How wide legible `text` is on one line at `size` points, in inches.

    >>> round(width("mouse", 24) / width("mouse", 12))
    2
    """
    figure = Figure(dpi=72)
    label = figure.text(0, 0, text, **style(size))
    return label.get_window_extent().width / figure.dpi


def title_width(title: str) -> float:
    """How wide `write_title` writes a title, in inches.

    >>> bool(title_width("猫") == width("猫", TITLE_SIZE))
    True
    """
    return width(legible(shortened(title, LONGEST_TITLE)), TITLE_SIZE)


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
        legible(shortened(title, LONGEST_TITLE)),
        ha="center",
        va="top",
        **style(TITLE_SIZE),
    )

"""Names of places in French, German, Czech and Chinese, and what English calls them.

A translator into English carries them over as it does people's names: it needn't know that
Rakousku is Austria, and English has no cases to get wrong. Out of English the model says them,
with the preposition and the case that they need. The table `places.tsv` has English, whether it is
a country, and the Chinese, French, German and Czech forms, but those that are fifteen times or more
in what a model learns from.
"""

import functools
import re
from pathlib import Path

from attention_core.translation.names import LETTER

TABLE = Path(__file__).with_name("places.tsv")

_ENDS = "(?=[。，？！、；：吗了吧呢和是有在]|$)"  # what follows a country that describes nothing


def in_latin(sentence: str) -> list[tuple[int, int]]:
    """Where there are places in a French, German or Czech sentence.

    >>> text = "Oliver bydlí v Rakousku."
    >>> [text[start:end] for start, end in in_latin(text)]
    ['Rakousku']
    """
    return [found.span() for found in _latin().finditer(sentence)]


def in_chinese(sentence: str) -> list[tuple[int, int]]:
    """Where there are places in a Chinese sentence, but not countries that describe what follows,
    nor what has the people or the language behind it.

    >>> [len(in_chinese(text)) for text in ("我住在旧金山。", "他来自葡萄牙。", "葡萄牙菜")]
    [1, 1, 0]
    """
    return [found.span() for found in _chinese().finditer(sentence)]


def in_english(text: str) -> str:
    """What English calls a place; other text as it is.

    >>> in_english("Rakousku"), in_english("Rakousku 😀")
    ('Austria', 'Rakousku 😀')
    """
    return _forms().get(text, text)


@functools.cache
def _rows() -> list[list[str]]:
    """The table, without what English has an article before."""
    rows = (line.split("\t") for line in TABLE.read_text("utf-8").splitlines())
    return [row for row in rows if not row[0].startswith("the ")]


@functools.cache
def _forms() -> dict[str, str]:
    found: dict[str, str] = {}
    for english, _, *columns in _rows():
        for form in filter(None, "|".join(columns).split("|")):
            found.setdefault(form, english)
    return found


@functools.cache
def _latin() -> re.Pattern[str]:
    forms = {form for row in _rows() for column in row[3:] for form in column.split("|") if form}
    return re.compile(rf"(?<![-]|{LETTER})(?:{_any(forms)})(?!-|{LETTER})")


@functools.cache
def _chinese() -> re.Pattern[str]:
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for _, kind, chinese, *_ in _rows():
        kinds[kind == "country"] |= {form for form in chinese.split("|") if len(form) > 1}
    return re.compile(
        rf"(?:{_any(kinds[False])})(?![人语话文队尼面滩])|(?:{_any(kinds[True])}){_ENDS}"
    )


def _any(forms: set[str]) -> str:
    return "|".join(sorted(map(re.escape, forms), key=lambda form: (-len(form), form)))

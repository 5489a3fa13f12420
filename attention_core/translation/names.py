"""Names of people: a translator carries them over, and Chinese writes them by their sound.

The table `names.tsv` has a name a line, whether it is a woman's ("f"), a man's ("m"), either's or a
family's, how Chinese writes it, the usual way first, and what keeps it from being told by itself:
"w", it is an ordinary word too; "p", a place or a month; "z", its Chinese is part of other words.
"""

import functools
import re
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("names.tsv")
KNOWN = ("Tom", "Mary")  # in every other sentence of Tatoeba: a model knows them by heart

LETTER = r"[0-9A-Za-zÀ-ž]"
_NAME = re.compile(rf"(?<!{LETTER})((?:Ma?c)?[A-ZÀ-Ž][a-zß-ž]+?)(s?)(?!{LETTER})")
_NAMES = re.compile(rf"{_NAME.pattern}(?:[ -]{_NAME.pattern})*")
_TITLE = re.compile(
    r"(?:Mrs?|Ms|Miss|Dr|Doctor|Prof(?:essor)?|Herrn?|Frau|M(?:me|lle)?|Monsieur|Madame"
    r"|[Pp]an[aiíu]?|[Ss]lečna)\.?"
)
_SAID_OF = re.compile(  # what follows a name that begins a sentence, and hardly a word
    r"(?:(?:is|was|does|did)(?:n['’]t)?|ha[sd]|[wc]ould|will|can|went|came|sa(?:id|ys)|likes|loves|and)"
    r"[.,;:!?]*"
)
_NEAR = 40  # characters, in which the words beside a name are
_SAINT = re.compile(r"San(?:t[ao])?|St\.|Sainte?|São|Sankt")  # of a place

_SOUNDS = (
    "俄佛沙斯尔莉娜罗兰卡伊亚奥丽丹娅蒂恩丝埃弗莱塔迪姆沃佩凯莫格勒瑞顿茨诺娃莎琳妮玛尼维舍赫霍"
)
_BEFORE, _AFTER = f"圣拉克温{_SOUNDS}", f"谢堡敦{_SOUNDS}"  # a name beside these goes on: 俄罗斯


class Name(NamedTuple):
    """A row of the table.

    >>> table()["Emma"].chinese[0]
    '艾玛'
    """

    kind: str
    chinese: tuple[str, ...]
    notes: str


@functools.cache
def table() -> dict[str, Name]:
    """The names, by how they are written.

    >>> table()["Hans"].kind
    'm'
    """
    rows = (line.split("\t") for line in TABLE.read_text("utf-8").splitlines())
    return {
        name: Name(kind, tuple(chinese.split("|")), notes) for name, kind, chinese, notes in rows
    }


def is_womans(text: str) -> bool:
    """Whether the first of some names, in English or in Chinese, is a woman's.

    >>> is_womans("Emma Smith"), is_womans("艾玛"), is_womans("12")
    (True, True, False)
    """
    name = table().get(re.split("[ -]", in_english(text))[0])
    return name is not None and name.kind == "f"


def in_latin(sentence: str, *, english: bool) -> list[tuple[int, int]]:
    """Where there are names in a sentence, without the ending of a German genitive before a noun.

    A name that is a word as well is told by a title before it, a first name before the family's or
    that behind it, and a first name in `english` by its capital, at the beginning of a sentence
    only before a word such as "is".

    >>> text = "Emma saw Mark."
    >>> [text[start:end] for start, end in in_latin(text, english=True)]
    ['Emma', 'Mark']
    >>> in_latin("Mark the page.", english=True), in_latin("Emmas Hund.", english=False)
    ([], [(0, 4)])
    """
    found = []
    for word in _NAME.finditer(sentence):
        start, end = word.span()
        if not english and word[2] and re.match(r" [A-ZÀ-Ž]", sentence[end:]):
            end -= word[0] not in table()
        name = sentence[start:end]
        if name in table() and name not in KNOWN and _is_told(sentence, start, end, english):
            found.append((start, end))
    return found


def in_chinese_text(sentence: str) -> list[tuple[int, int]]:
    """Where there are names in a Chinese sentence.

    >>> in_chinese_text("艾玛·史密斯来了。")
    [(0, 6)]
    """
    return [found.span() for found in _chinese_names().finditer(sentence)]


def in_chinese(text: str) -> str:
    """The text with its names as Chinese writes them.

    >>> in_chinese("Emma Smith 😀")
    '艾玛·史密斯 😀'
    """

    def written(found: re.Match[str]) -> str:
        names = [table().get(name) for name in re.split("[ -]", found[0])]
        return "·".join(name.chinese[0] for name in names if name) if all(names) else found[0]

    return _NAMES.sub(written, text)


def in_english(text: str) -> str:
    """The text with its Chinese names as English writes them.

    >>> in_english("艾玛·史密斯")
    'Emma Smith'
    """
    names = _by_chinese()
    return _chinese_names().sub(
        lambda found: " ".join(names[name] for name in found[0].split("·")), text
    )


def _is_told(sentence: str, start: int, end: int, english: bool) -> bool:
    name = table()[sentence[start:end]]
    near = sentence[max(0, start - _NEAR) : start], sentence[end : end + _NEAR]
    before = near[0].rpartition(" ")[0].rpartition(" ")[2]
    joined, _, after = near[1].partition(" ")
    after = after.partition(" ")[0]
    if _SAINT.fullmatch(before):
        return False
    if not set("wp") & set(name.notes) or _TITLE.fullmatch(before):
        return True
    family = name.kind == "family"
    beside = table().get(before if family else "" if joined else after.rstrip(".,;:!?"))
    if beside and (beside.kind == "family") != family:
        return True
    if not english or family or "p" in name.notes:
        return False
    begins = (near[0].rstrip() or ".")[-1] in '.!?:"“„«('
    return not begins or joined in ("'s", "’s") or bool(_SAID_OF.fullmatch(after))


@functools.cache
def _by_chinese() -> dict[str, str]:
    """The name that each Chinese one is, as the table first has it."""
    found: dict[str, str] = {}
    for name, (_, chinese, notes) in table().items():
        for written in chinese:
            if len(written) > 1 and "z" not in notes:
                found.setdefault(written, name)
    return {written: name for written, name in found.items() if name not in KNOWN}


@functools.cache
def _chinese_names() -> re.Pattern[str]:
    any_name = "|".join(sorted(_by_chinese(), key=len, reverse=True))
    whole = rf"(?:{any_name})(?:·(?:{any_name}))*"
    return re.compile(rf"(?<![{_BEFORE}·]){whole}(?![{_AFTER}·])")

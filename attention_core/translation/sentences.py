"""Text as a person writes it, checked and cut into sentences that a model can take."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from attention_core.errors import UserError
from attention_core.tokenizer import clean
from attention_core.translation.stand_ins import NO_LANGUAGE

CHINESE = {"zh", "zho", "chi", "cmn", "yue", "wuu"}
UNSPACED = {  # other languages without spaces between words
    *("ja", "jp", "jpn", "th", "tha", "km", "khm", "lo", "lao", "my", "mya", "bo", "bod"),
}
BEFORE, AFTER = 200, 12  # characters beside an end, which tell whether it is one
_FULL_STOP = re.compile(r"\s*[.。।۔።։]$")
_CLAUSE = re.compile(r"(?<=[,;:)])\s+|\s+(?=\()|(?<=[，；：、）])")
_END = re.compile(
    r"(?P<mark>(?<![.!?])[.!?]+[\"'”’)\]]*(?:\s?»)?)(?P<gap>\s+(?![\s»]))"  # what closes too
    r"|(?P<full>[。！？।؟۔።။]+[”’」』）》»\"]*)(?P<wide>\s*)"
    r"|(?<=[a-zà-ž]{2}[.!?])(?P<glued>)(?=[A-ZÀ-Ž][a-zà-ž])"
    r"|(?<=[\u4e00-\u9fff][.!?])(?=[\u4e00-\u9fff])"
    r"|(?P<lines>(?<![ \t])[ \t]*\n\s*)"
)
_INSIDE = re.compile(  # an end that is none: of an initial, a title, "z. B."
    r"(?<!\w)(?:[A-Zzdhuaoeig]|[DM][rs]|Mrs|St|Mt|Prof)\.$"
)
_BEFORE_NUMBER = re.compile(
    r"(?<!\w)(?:No|Nos|Nr|Fig|Abb|Vol|pp|ca|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)
_ORDINAL = re.compile(
    r"(?:^|(?<!\w)(?:am|ab|im|vom|zum|beim|bis|de[rmns]|die|das) )\d{1,2}\.$", re.IGNORECASE
)
_MONTH = re.compile(r"\d\.$")
_MONTHS = re.compile(
    r"(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b"
)
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"://|@|www\.|/")
_MIXED = re.compile(r"[a-z]+[A-Z]")  # as of iPhone
_TAG = re.compile(r"</?\w[^<>]*>")


class Part(NamedTuple):
    """A sentence of a text, and the line breaks behind it.

    >>> Part("It rains.", "\\n").text
    'It rains.'
    """

    text: str
    lines: str


class Sentence(NamedTuple):
    """A sentence as the model reads it: with a capital, a full stop where it has no end, and not
    in capitals throughout.

    >>> Sentence("It rains.", ended=False, shouted=False).text
    'It rains.'
    """

    text: str
    ended: bool  # whether its end is the author's own
    shouted: bool  # whether it was in capitals


def sentences(text: str) -> list[Part]:
    """The sentences of a text, one by one. The end of a line ends one too, but where lines are cut
    by their length: after a capital and some words, with no end, before a small letter.

    Raises UserError when the text is empty, or holds what is not text: control characters, or
    bytes that are not UTF-8.

    >>> [part.text for part in sentences("Dr. Lee is here. Hello!")]
    ['Dr. Lee is here.', 'Hello!']
    """
    for position, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        if category == "Cs":
            raise UserError(f"the text is not UTF-8 at position {position}: save it as UTF-8")
        if category == "Cc" and not character.isspace():
            raise UserError(
                f"the text holds the control character U+{ord(character):04X} at position"
                f" {position}: remove it"
            )
    text = text.replace("▁", " ").replace("\r\n", "\n").replace("\r", "\n")  # as it is read
    found = [Part(clean(part), "\n" * gap.count("\n")) for part, gap in _parted(text)]
    found = [part for part in found if part.text]
    if not found:
        raise UserError("the text is empty: type a sentence")
    return found


def _parted(text: str) -> Iterator[tuple[str, str]]:
    """Sentences and the spaces behind them."""
    start = 0
    for end in _END.finditer(text):
        kind = end.lastgroup
        gap = "" if kind is None else end[kind]
        place = end.end() - len(gap)
        before = text[max(start, place - BEFORE) : place]
        after = text[end.end() : end.end() + AFTER]
        if kind == "lines":
            long = len(text[start : min(place, start + BEFORE)].split()) > 2
            ends = not (long and after[:1].islower() and text[start].isupper())
        elif kind == "gap":
            ends = _ends(before, after, "\n" in gap)
        else:
            ends = kind != "glued" or not _ADDRESS.search(before.split()[-1])
        if ends:
            yield text[start:place], gap
            start = end.end()
    yield text[start:], ""


def _ends(before: str, after: str, line: bool) -> bool:
    """Whether a sentence ends between the two, of which the first ends with a mark."""
    if after[:1].islower() and not line:
        return False
    if _INSIDE.search(before) or _ORDINAL.search(before):
        return False
    number = after[:1].isdigit() and _BEFORE_NUMBER.search(before)
    return not (number or (_MONTH.search(before) and _MONTHS.match(after)))


def cut(sentence: str) -> tuple[str, str]:
    """A sentence in two, where its halves are most alike: between clauses, else words, else at all.

    >>> cut("When it rains, we stay at home, and read")
    ('When it rains,', 'we stay at home, and read')
    """
    middle = len(sentence) / 2
    for pattern in (_CLAUSE, re.compile(r"\s+")):
        breaks = [found.span() for found in pattern.finditer(sentence, 1, len(sentence) - 1)]
        if breaks:
            start, end = min(breaks, key=lambda span: abs(sum(span) / 2 - middle))
            return sentence[:start], sentence[end:]
    return sentence[: len(sentence) // 2], sentence[len(sentence) // 2 :]


def is_spaced(language: str) -> bool:
    """Whether there are spaces between the words of a language, told by its code.

    >>> [is_spaced(language) for language in ("zh-TW", "jpn", "pt_BR")]
    [False, False, True]
    """
    return primary(language) not in CHINESE | UNSPACED


def primary(language: str) -> str:
    """The code of a language without its region.

    >>> primary("zh_TW")
    'zh'
    """
    return re.split("[-_]", language.lower())[0]


def without_end(text: str) -> str:
    """A translation without the full stop that its source did not have.

    >>> without_end("Es regnet.")
    'Es regnet'
    """
    return _FULL_STOP.sub("", text.rstrip())


def written_out(sentence: str, calm: Callable[[str], str] = str.lower) -> Sentence:
    """The sentence with a capital, unless it begins with an address or one like iPhone, and an end;
    where it was in capitals, its words as ``calm`` writes them.

    >>> written_out("it rains")
    Sentence(text='It rains.', ended=False, shouted=False)
    >>> written_out("A DOG RUNS!")
    Sentence(text='A dog runs!', ended=True, shouted=True)
    """
    words = _WORD.findall(NO_LANGUAGE.sub(" ", sentence))
    shouted = len(words) > 1 and all(map(str.isupper, words)) and max(map(len, words)) > 1
    if shouted:
        sentence = _outside(sentence, lambda text: _WORD.sub(lambda word: calm(word[0]), text))
    if not (NO_LANGUAGE.match(sentence) or _MIXED.match(sentence)):
        sentence = sentence[0].title() + sentence[1:]  # Georgian has capitals, but not there
    ended = unicodedata.category(sentence[-1])[0] not in "LMN"  # letters, marks, numbers
    return Sentence(sentence if ended else f"{sentence}.", ended, shouted)


def _outside(sentence: str, change: Callable[[str], str]) -> str:
    """The sentence, changed where it is a language."""
    parts, last = [], 0
    for found in NO_LANGUAGE.finditer(sentence):
        parts += [change(sentence[last : found.start()]), found[0]]
        last = found.end()
    return "".join([*parts, change(sentence[last:])])


def within_tags(sentence: str) -> tuple[str, str, str]:
    """The tags that a sentence begins with, what is within, and the tags that it ends with.

    >>> within_tags("<p><b>It</b> rains.</p>")
    ('<p><b>', 'It</b> rains.', '</p>')
    """
    tags = [tag.span() for tag in _TAG.finditer(sentence)]
    start, end = 0, len(sentence)
    for first, last in tags:
        if first != start:
            break
        start = last + (sentence[last : last + 1] == " ")
    for first, last in reversed(tags):
        if first < start or last != end:
            break
        end = max(start, first - (sentence[first - 1 : first] == " "))
    return sentence[:start], sentence[start:end], sentence[end:]


def says_something(sentence: str) -> bool:
    """Whether there is a letter or a number in it.

    >>> says_something("..."), says_something("a"), says_something("猫")
    (False, True, True)
    """
    return any(unicodedata.category(character)[0] in "LN" for character in sentence)

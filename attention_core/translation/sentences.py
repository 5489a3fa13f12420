"""Text as a person writes it, checked and cut into sentences that a model can take."""

import re
import unicodedata
from typing import NamedTuple

from attention_core.errors import UserError
from attention_core.tokenizer import clean

_CLAUSE = re.compile(r"(?<=[,;:)])\s+|\s+(?=\()|(?<=[，；：、）])")
_END = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)]))"  # an end, and perhaps what closes around it,
    r"(?<!\b[A-Z]\.)(?<!\b[DM][rs]\.)(?<!\bMrs\.)(?<!\bSt\.)"  # not of an initial or a title,
    r"\s+(?![a-z])"
    r"|(?<=[。！？])|\n+"
)


class Sentence(NamedTuple):
    """A sentence as the model reads it: with a capital, and a full stop where it has no end.

    >>> Sentence("It rains.", ended=False).text
    'It rains.'
    """

    text: str
    ended: bool  # whether its end is the author's own


def sentences(text: str) -> list[str]:
    """The sentences of a text, one by one.

    Raises UserError when the text is empty, or holds what is not text: control characters, or
    bytes that are not UTF-8.

    >>> sentences("Dr. Lee is here. Hello!")
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
    text = text.replace("▁", " ")  # as the tokenizer reads it
    found = [part for part in map(clean, _END.split(text)) if part]
    if not found:
        raise UserError("the text is empty: type a sentence")
    return found


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


def without_end(text: str) -> str:
    """A translation without the full stop that its source did not have.

    >>> without_end("Es regnet.")
    'Es regnet'
    """
    return text.rstrip().removesuffix(".").removesuffix("。")


def written_out(sentence: str) -> Sentence:
    """The sentence with a capital and an end.

    >>> written_out("it rains")
    Sentence(text='It rains.', ended=False)
    """
    sentence = sentence[0].upper() + sentence[1:]
    ended = not sentence[-1].isalnum()
    return Sentence(sentence if ended else f"{sentence}.", ended)

"""Text as a person writes it, checked and cut into sentences that a model can take."""

import re
import unicodedata

from attention_core.errors import UserError

LONGEST_TEXT = 5000  # characters
_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+|(?<=[。！？])|\n+")


def sentences(text: str) -> list[str]:
    """The sentences of a text, one by one.

    Raises UserError when the text is empty, too long, or holds control characters.
    """
    if not text.strip():
        raise UserError("the text is empty: type a sentence")
    if len(text) > LONGEST_TEXT:
        raise UserError(
            f"the text has {len(text):,} characters and at most {LONGEST_TEXT:,} go in one piece:"
            " give it in several lines on standard input"
        )
    for position, character in enumerate(text):
        if unicodedata.category(character) == "Cc" and character not in "\t\r\n":
            raise UserError(
                f"the text holds the control character U+{ord(character):04X} at position"
                f" {position + 1}: remove it"
            )
    return [part.strip() for part in _END.split(text) if part.strip()]

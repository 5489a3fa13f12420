"""Errors meant for the person at the keyboard."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Bad input: the message says what was wrong and what to do, and is all the user sees.

    >>> raise UserError("there is no recipe mine.toml: write one first")
    Traceback (most recent call last):
    attention_core.errors.UserError: there is no recipe mine.toml: write one first
    """


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known one, then all of them.

    >>> nearest("frr", ["de", "fr"])
    " Did you mean 'fr'? Known: de, fr."
    """
    known = sorted(choices)
    by_folded = {choice.casefold(): choice for choice in known}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    guess = f" Did you mean '{by_folded[close[0]]}'?" if close else ""
    return f"{guess} Known: {', '.join(known)}." if known else ""

"""Words in capitals as they are written within a sentence: truecasing (Lita et al. 2003, §2,
https://aclanthology.org/P03-1020)."""

import functools
import re
from collections import Counter, defaultdict

from attention_core.tokenizer import Tokenizer
from attention_core.translation import names
from attention_core.translation.corpora import book

_WITHIN = re.compile(r"(?<=[\w,;][ '’])[^\W\d_]+")  # where a capital is the word's own


def truecased(word: str, tokenizer: Tokenizer, *, english: bool) -> str:
    """A word that was in capitals, as the phrase book mostly has it, in English or in what is none;
    another one with a capital where it is a name, or has fewer pieces so, and without elsewhere.

    >>> tokenizer = Tokenizer.train(["I saw London."] * 9, vocabulary=275, languages=["de"])
    >>> [truecased(word, tokenizer, english=True) for word in ("LONDON", "EMMA", "I", "MILK")]
    ['London', 'Emma', 'I', 'milk']
    >>> truecased("MILCH", tokenizer, english=False)
    'Milch'
    """
    small, capital = word.lower(), word.capitalize()
    if form := _written(english).get(small):
        return form
    fewer = len(tokenizer.encode(capital)) < len(tokenizer.encode(small))
    return capital if fewer or capital in names.table() else small


@functools.cache
def _written(english: bool) -> dict[str, str]:
    """How the phrase book has each word, by the word in small letters."""
    head, *rows = book()
    columns = [head.index(x) for x in head if x != "zh" and (x == "en") == english]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for column in columns:
            for word in _WITHIN.findall(row[column]):
                counts[word.lower()][word] += 1
    return {small: forms.most_common(1)[0][0] for small, forms in counts.items()}

"""What the corpora lack, translated for this by a large language model: everyday sentences of
Tatoeba in Czech, Chinese and German, captions of Multi30k and Flickr8k in Chinese.

The translations come along, in `recipes/translated-*.tsv`, each by a digest of its English, which
is of the corpora and stays there.
"""

import functools
import gzip
import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from attention_core.errors import UserError
from attention_core.tokenizer import clean
from attention_core.translation import corpora
from attention_core.translation.corpora import Pair, check, key, pairs_of

LANGUAGES = {  # what of each is translated
    "cs": ("tatoeba",),
    "de": ("tatoeba",),
    "zh": ("tatoeba", "captions"),
}
HELD_OUT = ("cs", "zh")  # those that are in "val" and "test" too
SPLITS = ("train", "val", "test")


def pairs(root: str | Path, split: str, language: str, *, into_english: bool = False) -> list[Pair]:
    """What is translated of the corpora that `root` has, English into `language`, or the other
    way. `split` is "train", "val" or "test", which is `test_2016_flickr` of Multi30k; Flickr8k is
    in "train" alone, without the pictures that Multi30k holds out.

    As in `tatoeba`, what is to be translated into English in "val" or "test", of these or of
    Tatoeba, is not in "train" with another translation.

    Raises:
        UserError: an unknown language or split, a file that is missing or damaged, or Multi30k
            without lists of pictures beside Flickr8k.

    >>> pairs("nowhere", "train", "cs")  # without Tatoeba there is no English
    []
    """
    check("language", language, LANGUAGES)
    check("split of the translated sentences", split, SPLITS)
    find = lookup(language)
    texts = {"tatoeba": _everyday, "captions": _captions}
    english = dict(chain.from_iterable(texts[x](Path(root), split) for x in LANGUAGES[language]))
    rows = [(ours, theirs) for text, ours in english.items() if (theirs := find(text))]
    if not into_english:
        return pairs_of(rows, language)
    found = pairs_of(((theirs, ours) for ours, theirs in rows), "en")
    seen = _tested(root, language) if split == "train" else _learned(root, language)
    return [pair for pair in found if key(pair.source) not in seen]


def _tested(root: str | Path, language: str) -> set[str]:
    """What Tatoeba has to be translated into English, but to learn from."""
    code = corpora.TATOEBA.get(language, "none")
    if not any((Path(root) / "tatoeba").glob(f"{code}[-.]*")):
        return set()
    parts = (corpora.tatoeba(root, part, language, into_english=True) for part in ("val", "test"))
    return {key(pair.source) for part in parts for pair in part}


def _learned(root: str | Path, language: str) -> set[str]:
    learned = pairs(root, "train", language, into_english=True)
    return {key(pair.source) for pair in learned + corpora.phrases(language, into_english=True)}


def lookup(language: str) -> Callable[[str], str | None]:
    """What gives an English sentence's translation, if there is one. The sentence is as its corpus
    has it, cleaned.

    Raises UserError for a language without.

    >>> lookup("zh")("What nobody has translated .") is None
    True
    """
    check("language", language, LANGUAGES)
    known = _known(corpora.RECIPES / f"translated-{language}.tsv")
    return lambda text: known.get(digest(text))


def digest(text: str) -> str:
    """What stands for an English sentence.

    >>> digest("A dog runs .")
    'e38f10a5eec3'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def _known(table: Path) -> dict[str, str]:
    lines = table.read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def _everyday(root: Path, split: str) -> Iterator[tuple[str, str]]:
    """Sentences as their corpus has them, each with what is to be read of it."""
    for language, code in corpora.TATOEBA.items():
        if any((root / "tatoeba").glob(f"{code}[-.]*")):
            yield from ((s, s) for s, *_ in corpora.tatoeba(root, split, language))


def _captions(root: Path, split: str) -> Iterator[tuple[str, str]]:
    if (root / "multi30k").is_dir():
        part = "test_2016_flickr" if split == "test" else split
        yield from ((s, s) for s, *_ in corpora.multi30k(root, part, "de"))
    if split == "train" and (root / "flickr8k").is_dir():
        yield from _flickr8k(root)


def _flickr8k(root: Path) -> Iterator[tuple[str, str]]:
    """The training captions of pictures that Multi30k neither validates nor tests by."""
    file = root / "flickr8k" / "captions.en.tsv.gz"
    held_out = {
        _number(picture)
        for names in (root / "multi30k").rglob("*.txt")
        if names.name.startswith(("val", "test"))
        for picture in names.read_text("utf-8").split()
    }
    if (root / "multi30k").is_dir() and not held_out:
        raise UserError(
            f"{root / 'multi30k'} has no list of the pictures that it tests by, which Flickr8k has"
            " too: fetch test_2016_flickr.images.txt"
        )
    try:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        rows = [line.split("\t", 3) for line in lines]
        texts = [(picture, split, clean(text)) for picture, split, _, text in rows]
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{file} can't be read ({error}): fetch it again.") from None
    for picture, split, text in texts:
        if split == "train" and _number(picture) not in held_out:
            yield text, as_written(text)


def _number(picture: str) -> str:
    """What Flickr calls it, which is all that stays the same in both."""
    return re.split(r"[_.]", picture)[0]


def as_written(text: str) -> str:
    """A caption of Flickr8k as one writes: tokens joined, a capital first, a full stop last.

    >>> as_written('a dog , that a man calls " Rex "')
    'A dog, that a man calls "Rex"'
    """
    text = re.sub(r'" ([^"]*) "', r'"\1"', text)
    text = re.sub(r" (?=[.,;:!?](?:\s|$)|'s\b|n't\b)", "", text)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", '"')) else ".")

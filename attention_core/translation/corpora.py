"""Sentence pairs: Multi30k, Tatoeba and a phrase book out of English or into it, and parallel text
of one's own.

Every reader gives cleaned text (see `attention_core.tokenizer.clean`), in the order of the files,
without empty sentences. Chinese to be written is simplified; Chinese to be read stays as it is.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from attention_core.errors import UserError, nearest
from attention_core.tokenizer import clean
from attention_core.translation.columns import columns

MULTI30K = {
    "de": ("train", "val", "test_2016_flickr", "test_2017_flickr"),
    "fr": ("train", "val", "test_2016_flickr", "test_2017_flickr"),
    "cs": ("train", "val", "test_2016_flickr"),
}
TATOEBA = {"zh": "cmn", "fr": "fra", "de": "deu"}

PHRASES = {
    "train": "phrases.tsv",
    "val": "phrases-val.tsv",
    "test": "phrases-test.tsv",
    "names": "phrases-names.tsv",
}
PHRASES_HELD_OUT = ("cs",)  # the languages of "val" and "test"

RECIPES = Path(__file__).parent / "recipes"

_MULTI30K = "https://github.com/multi30k/dataset (data/task1/raw)"
_TATOEBA = "https://www.manythings.org/anki"


class Pair(NamedTuple):
    """A sentence, its translation, and the language of that: "en" where it goes into English.

    >>> Pair("A dog.", "Ein Hund.", "de").language
    'de'
    """

    source: str
    target: str
    language: str


def multi30k(
    root: str | Path, split: str, language: str, *, into_english: bool = False
) -> list[Pair]:
    """Captions of pictures (Elliott et al. 2016, https://aclanthology.org/W16-3210), English into
    `language`, or the other way. `root`/multi30k is a clone of
    https://github.com/multi30k/dataset, or holds the files of its data/task1/raw; `split` is one
    that `MULTI30K` lists for `language`.

    Raises:
        UserError: an unknown language or split, or a file that is missing or damaged.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root:
    ...     Path(root, "multi30k").mkdir()
    ...     for name, text in (("val.en", "A dog."), ("val.de", "Ein Hund.")):
    ...         _ = Path(root, "multi30k", name).write_text(text)
    ...     multi30k(root, "val", "de")
    [Pair(source='A dog.', target='Ein Hund.', language='de')]
    """
    check("language", language, MULTI30K)
    check(f"Multi30k split for {language!r}", split, MULTI30K[language])
    folder = Path(root) / "multi30k"
    if (cloned := folder / "data" / "task1" / "raw").is_dir():
        folder = cloned
    source = _find(folder, (f"{split}.en.gz", f"{split}.en"), _MULTI30K)
    target = _find(folder, (f"{split}.{language}.gz", f"{split}.{language}"), _MULTI30K)
    if into_english:
        return parallel(target, source, "en")
    return parallel(source, target, language)


def tatoeba(
    root: str | Path, split: str, language: str, *, into_english: bool = False
) -> list[Pair]:
    """Everyday sentences, English into `language`, or the other way. `root`/tatoeba holds the
    archives of https://www.manythings.org/anki, or what is in them; `split` is "train", "val"
    (0.5 %) or "test" (1 %).

    One English sentence, with all its translations into any language, is in one split, in both
    directions. Into English, what is to be translated in "val" or "test" is not in "train" or in
    the phrase book with another translation either: such pairs are left out. A pair that comes
    twice is given once.

    Raises:
        UserError: an unknown language or split, or a file that is missing or damaged.

    >>> tatoeba("data", "dev", "fr")
    Traceback (most recent call last):
    attention_core.errors.UserError: Unknown Tatoeba split: 'dev'. Known: test, train, val.
    """
    check("language", language, TATOEBA)
    check("Tatoeba split", split, ("train", "val", "test"))
    code = TATOEBA[language]
    names = f"{code}-eng.zip", f"{code}.txt.gz", f"{code}.txt"
    path = _find(Path(root) / "tatoeba", names, _TATOEBA)
    if not into_english:
        pairs = dict.fromkeys(pairs_of(columns([path], language), language))
        return [pair for pair in pairs if _split_of(pair.source) == split]
    pairs = dict.fromkeys(pairs_of(columns([path], "en", swap=True), "en"))
    chosen = [pair for pair in pairs if _split_of(pair.target) == split]
    if split == "train":
        return chosen
    learned = {key(pair.source) for pair in pairs if _split_of(pair.target) == "train"}
    learned |= {key(pair.source) for pair in phrases(language, into_english=True)}
    return [pair for pair in chosen if key(pair.source) not in learned]


def phrases(language: str, split: str = "train", *, into_english: bool = False) -> list[Pair]:
    """What people say first and corpora hardly have ("Yes.", "My name is Anna."), English into
    `language`, or the other way: a phrase book that comes along. Czech, which has no everyday text
    beside it, has most lines, and some more, held out, in "val" and "test". "names" is to test how
    people and places are told of, in every language.

    "train" has nothing of these, nor of what Tatoeba's rule puts there.

    Raises:
        UserError: an unknown split, or a language that it is not in.

    >>> phrases("cs")[0]
    Pair(source='Yes.', target='Ano.', language='cs')
    """
    check("split of the phrase book", split, PHRASES)
    head, *rows = book(split)
    check("language", language, head[1:])
    place = head.index(language)
    if into_english:
        return pairs_of(((row[place], row[0]) for row in rows), "en")
    return pairs_of(((row[0], row[place]) for row in rows), language)


def book(split: str = "train") -> list[list[str]]:
    """The phrase book as it is: a column a language, English first, of which the first row tells.

    >>> book()[:2]
    [['en', 'zh', 'fr', 'de', 'cs'], ['Yes.', '是的。', 'Oui.', 'Ja.', 'Ano.']]
    """
    lines = (RECIPES / PHRASES[split]).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines]


def own(
    files: Sequence[str | Path], split: str, language: str, *, swap: bool = False
) -> list[Pair]:
    """Pairs of one's own files: two, as `parallel` reads them, or one, as `tsv` does, or one folder
    or .zip that holds such files (see `text_files.texts`), as OPUS (https://opus.nlpl.eu) and
    https://www.manythings.org/anki give them. With `swap` the translation comes first.

    `split` is "train", or "val" or "test", each the pairs of 2 % of the source sentences, told by
    the sentence itself: with all its translations it is in one split, in whatever order it comes.
    How many pairs of "train" are left out, as one side is empty, is said on stderr.

    Raises:
        UserError: an unknown split, another number of files, or what those readers raise.

    >>> own(["corpus.en", "corpus.es"], "dev", "es")
    Traceback (most recent call last):
    attention_core.errors.UserError: Unknown split: 'dev'. Known: test, train, val.
    """
    check("split", split, ("train", "val", "test"))
    rows = columns(files, language, swap=swap)
    pairs = pairs_of(rows, language)
    if split == "train" and len(pairs) < len(rows):
        left_out = f"{len(rows) - len(pairs)} of {len(rows)} pairs left out, one side being empty"
        print(f"{', '.join(map(str, files))}: {left_out}", file=sys.stderr)
    return [pair for pair in dict.fromkeys(pairs) if _share(pair.source, test=20, val=20) == split]


def parallel(source: str | Path, target: str | Path, language: str) -> list[Pair]:
    """Pairs from two text files, line n of the one translating line n of the other.

    Raises:
        UserError: a file that can't be read or is not UTF-8, or other numbers of lines.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.en").write_text("A dog.")
    ...     _ = Path(folder, "a.es").write_text("Un perro.")
    ...     parallel(f"{folder}/a.en", f"{folder}/a.es", "es")
    [Pair(source='A dog.', target='Un perro.', language='es')]
    """
    return whole([source, target], language)


def tsv(path: str | Path, language: str, *, swap: bool = False) -> list[Pair]:
    """Pairs from one text file: source, tab, translation; columns after these are ignored. Or as
    Tatoeba itself exports them (https://tatoeba.org/downloads), each after its number.

    With `swap` the translation comes first.

    Raises:
        UserError: a file that can't be read or is not UTF-8, or a line with too few tabs.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "pairs").write_text("A dog.\\tUn perro.\\ta comment")
    ...     tsv(f"{folder}/pairs", "es")
    [Pair(source='A dog.', target='Un perro.', language='es')]
    """
    return whole([path], language, swap=swap)


def whole(files: Sequence[str | Path], language: str, *, swap: bool = False) -> list[Pair]:
    """All pairs of files that `own` would divide into splits.

    Raises UserError as `own` does.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "pairs.tsv").write_text("A dog.\\tUn perro.")
    ...     whole([folder], "es")
    [Pair(source='A dog.', target='Un perro.', language='es')]
    """
    return pairs_of(columns(files, language, swap=swap), language)


def at_most(pairs: Iterable[Pair], translations: int) -> list[Pair]:
    """The first `translations` of each source sentence into each language, in order.

    >>> at_most([Pair("Hi.", "Salut.", "fr"), Pair("Hi.", "Bonjour.", "fr")], translations=1)
    [Pair(source='Hi.', target='Salut.', language='fr')]
    """
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for pair in pairs:
        key = (pair.source, pair.language)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= translations:
            kept.append(pair)
    return kept


def balanced_text(pairs: Iterable[Pair]) -> list[str]:
    """Sentences to train a joint tokenizer on: each English one once, then all translations,
    those into a small language repeated whole until they nearly number those into the largest.

    >>> balanced_text([Pair("a", "x", "de"), Pair("b", "y", "de"), Pair("a", "u", "fr")])
    ['a', 'b', 'x', 'y', 'u', 'u']
    """
    sources: dict[str, None] = {}
    targets: dict[str, list[str]] = {}
    for source, target, language in pairs:
        sources[source] = None
        targets.setdefault(language, []).append(target)
    largest = max(map(len, targets.values()), default=0)
    text = list(sources)
    for translations in targets.values():
        text += translations * (largest // len(translations))
    return text


def _split_of(sentence: str) -> str:
    return _share(sentence, test=10, val=5)


def _share(sentence: str, *, test: int, val: int) -> str:
    """The split of a sentence: so many of a thousand each."""
    place = int(hashlib.sha256(key(sentence).encode()).hexdigest(), 16) % 1000
    return "test" if place < test else "val" if place < test + val else "train"


def key(sentence: str) -> str:
    """The sentence whatever its case and punctuation, by which splits tell sentences apart.

    >>> key("It's 3 o'clock!")
    'its 3 oclock'
    """
    return " ".join(re.sub(r"[^\w\s]|_", "", sentence.lower()).split())


def pairs_of(rows: Iterable[tuple[str, str]], language: str) -> list[Pair]:
    """Rows of a sentence and its translation, as the readers give them: clean, and none empty.

    >>> pairs_of([("A dog. ", "Ein  Hund."), ("A cat.", "")], "de")
    [Pair(source='A dog.', target='Ein Hund.', language='de')]
    """
    finish = _simplifier() if language == "zh" else str
    cleaned = (Pair(clean(s), finish(clean(t)), language) for s, t in rows)
    return [pair for pair in cleaned if pair.source and pair.target]


@functools.cache
def _simplifier() -> Callable[[str], str]:
    """Traditional Chinese characters to simplified ones, once per process."""
    try:
        import opencc  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise UserError(
            "Reading Chinese needs OpenCC: pip install opencc-python-reimplemented"
        ) from error
    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def check(what: str, name: str, known: Iterable[str]) -> None:
    """Raises UserError, with the nearest that is known, where ``name`` isn't.

    >>> check("split", "tran", ["train", "val"])
    Traceback (most recent call last):
    attention_core.errors.UserError: Unknown split: 'tran'. Did you mean 'train'? Known: train, val.
    """
    if name not in known:
        raise UserError(f"Unknown {what}: {name!r}.{nearest(name, known)}")


def _find(folder: Path, names: Sequence[str], origin: str) -> Path:
    """The first of these files that is there; the first name is the one it is downloaded by."""
    for path in (folder / name for name in names):
        if path.is_file():
            return path
    raise UserError(f"{folder / names[0]} is missing. Get it from {origin}")

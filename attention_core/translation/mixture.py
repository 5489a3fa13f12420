"""What a translation model learns from: a mixture of corpora, drawn anew in each epoch."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from attention_core.errors import UserError, nearest
from attention_core.translation import corpora, translated
from attention_core.translation.corpora import Pair

LANGUAGES = ("zh", "fr", "de", "cs")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """In each epoch so many pairs of each corpus and language, drawn anew, all of Tatoeba's that
    are short, as greetings and the like are, and some times over a phrase book and what was
    translated into languages that the corpora lack (``translated.pairs``); or parallel text of
    one's own, as ``corpora.own`` reads it, into any one language. Beside either, to learn from
    alone, text of which a model made one side: its translations of the sources (Kim and Rush 2016)
    or back-translations of the targets (Sennrich et al. 2016, https://aclanthology.org/P16-1009).

    Raises UserError for a language that no corpus is in.

    >>> DataConfig(files=("mine.en", "mine.es"), languages=("es",)).vocabulary
    8000
    """

    root: str = "data"
    files: tuple[str, ...] = ()  # one's own text, instead of the corpora under ``root``
    swap: bool = False  # of these: the translation is the first file or column
    synthetic: str | None = None  # a folder or file of text that a model made one side of
    languages: tuple[str, ...] = LANGUAGES
    into_english: bool = False  # out of the languages, rather than into them
    multi30k: int = field(default=29_000, metadata={"min": 0})
    tatoeba: int = field(default=0, metadata={"min": 0})
    short: int = field(default=0, metadata={"min": 0})  # tokens of the source
    phrases: int = field(default=0, metadata={"min": 0})  # times that each comes in an epoch
    translated: int = field(default=0, metadata={"min": 0})  # times, of what the corpora lack
    vocabulary: int = field(default=8000, metadata={"min": 300})  # at most, if the text has so many
    longest: int = field(default=80, metadata={"min": 1})  # tokens; longer pairs are left out
    validation: int = field(default=200, metadata={"min": 1})  # sentences per corpus and language
    bpe_dropout: float = field(default=0.0, metadata={"min": 0.0, "max": 0.9})  # of merges
    stand_ins: float = field(default=0.0, metadata={"min": 0.0, "max": 1.0})  # of pairs with them

    def __post_init__(self) -> None:
        if self.files and len(self.languages) != 1:
            raise UserError(
                f"languages: files are in one language, got {len(self.languages)}: name the one"
            )
        if self.swap and not self.files:
            raise UserError("swap: it is of files; for the corpora under root, set into_english")
        for name in ("phrases", "translated"):
            if self.files and getattr(self, name):
                raise UserError(f"{name}: they go with the corpora under root, not with files")
        if self.files and self.into_english:
            raise UserError("into_english: it is of the corpora under root; for files, set swap")
        for language in self.languages:
            if not re.fullmatch(r"[\w-]+", language):
                raise UserError(f"languages: {language!r} is no name: write one like 'es'")
            if not self.files and language not in LANGUAGES:
                raise UserError(f"languages can't be {language!r}.{nearest(language, LANGUAGES)}")

    @property
    def targets(self) -> tuple[str, ...]:
        """The languages that are translated into."""
        return ("en",) if self.into_english else self.languages


class Corpus(NamedTuple):
    """The pairs of one corpus and language.

    >>> Corpus("own_es", [Pair("A dog.", "Un perro.", "es")], drawn=1, short=0).name
    'own_es'
    """

    name: str
    pairs: list[Pair]
    drawn: int  # in each epoch
    short: int  # tokens of a source that comes in every epoch


def mixture(data: DataConfig, split: str) -> list[Corpus]:
    """The corpora of a recipe, of the split "train" or "val".

    Raises UserError where a file is missing or damaged, or nothing is left to learn from.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "pairs")
    ...     _ = path.write_text("A dog.\\tUn perro.")
    ...     (corpus,) = mixture(DataConfig(files=(str(path),), languages=("es",)), "train")
    >>> corpus.name, len(corpus.pairs)
    ('own_es', 1)
    """
    if data.files:
        (language,) = data.languages
        pairs = corpora.own(data.files, split, language, swap=data.swap)
        found = [Corpus(f"own_{language}", pairs, len(pairs), 0)]
    else:
        captions = [
            Corpus(
                f"multi30k_{language}",
                corpora.multi30k(data.root, split, language, into_english=data.into_english),
                data.multi30k,
                0,
            )
            for language in data.languages
            if language in corpora.MULTI30K and data.multi30k
        ]
        everyday = [
            Corpus(
                f"tatoeba_{language}",
                corpora.tatoeba(data.root, split, language, into_english=data.into_english),
                data.tatoeba,
                data.short,
            )
            for language in data.languages
            if language in corpora.TATOEBA and data.tatoeba
        ]
        found = captions + everyday
        if not found:
            raise UserError("data: nothing to learn from for these languages: set data.tatoeba")
        if data.phrases:
            found += [
                _phrases(language, data, split)
                for language in data.languages
                if split == "train" or language in corpora.PHRASES_HELD_OUT
            ]
        if data.translated:
            found += [
                _translated(language, data, split)
                for language in data.languages
                if language in (translated.LANGUAGES if split == "train" else translated.HELD_OUT)
            ]
    if data.synthetic and split == "train":
        found += [_synthetic(data.synthetic, language) for language in data.targets]
    for corpus in found:
        if not corpus.pairs:
            share = ", of which val is 2 %" if data.files and split == "val" else ""
            raise UserError(
                f"data: {corpus.name} has no pair for {split}: more lines are needed{share}"
            )
    return found


def _phrases(language: str, data: DataConfig, split: str) -> Corpus:
    times = data.phrases if split == "train" else 1
    pairs = corpora.phrases(language, split, into_english=data.into_english) * times
    return Corpus(f"phrases_{language}", pairs, len(pairs), 0)


def _translated(language: str, data: DataConfig, split: str) -> Corpus:
    times = data.translated if split == "train" else 1
    pairs = translated.pairs(data.root, split, language, into_english=data.into_english) * times
    return Corpus(f"translated_{language}", pairs, len(pairs), 0)


def _synthetic(path: str, language: str) -> Corpus:
    pairs = corpora.whole([path], language)
    return Corpus(f"synthetic_{language}", pairs, len(pairs), 0)


def some(pairs: list[Pair], most: int) -> list[Pair]:
    """At most so many of the pairs, always the same ones, from all over the corpus.

    >>> some([Pair(name, name, "de") for name in "abcd"], 2) == some(
    ...     [Pair(name, name, "de") for name in "abcd"], 2)
    True
    """
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order[:most]]

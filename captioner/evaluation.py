"""Caption quality on the data of a recipe, from pictures to COCO metrics, and how rich it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from attention_core.checkpoint import read as read_checkpoint
from attention_core.errors import UserError, nearest
from attention_core.recipe import from_dict
from captioner import elsewhere, flickr8k
from captioner.corpus import Captions, Corpus
from captioner.data import read
from captioner.learner import CaptionRecipe
from captioner.metrics import approximate_ptb, coco_metrics, segmented, spaced
from captioner.predictor import Captioner

SPLITS = ("val", "test")
BATCH = 16


def evaluate(checkpoint: Path, split: str, data: Path, beam: int | None) -> dict[str, Any]:
    """COCO caption metrics for each of the checkpoint's languages, in points, and ``richness``.

    ``data`` is where Flickr8k is; a model of one's own pictures is measured on those that its
    recipe names. With val, pictures ``elsewhere`` are measured too, where they are there.

    Raises UserError for an unknown split or missing data.
    """
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
    captioner = Captioner.load(checkpoint)
    recipe = from_dict(CaptionRecipe, read_checkpoint(checkpoint).config)
    corpus = read(replace(recipe.data, root=str(data)), (split,))
    report: dict[str, Any] = {}
    for language in captioner.languages:
        corpora = {split: corpus}
        if split == "val" and (unlike := elsewhere.read(data / "coco", language)):
            corpora[elsewhere.SPLIT] = unlike
        for part, of_part in corpora.items():
            report |= _measured(captioner, of_part, part, language, data, beam)
    return report


def _measured(
    captioner: Captioner, corpus: Corpus, split: str, language: str, data: Path, beam: int | None
) -> dict[str, Any]:
    images = list(corpus.of(split, language))
    found: dict[str, str] = {}
    starts = range(0, len(images), BATCH)
    for start in track(starts, f"{corpus.name} {split} {language}", console=Console(stderr=True)):
        batch = images[start : start + BATCH]
        captions = captioner.caption(
            [corpus.pictures[image].open() for image in batch], language=language, beam=beam
        )
        found |= {image: c.text for image, c in zip(batch, captions, strict=True)}
    report: dict[str, Any] = {}
    for name, test in compared_with(corpus, split, language, data).items():
        report[name] = {n: round(value, 2) for n, value in test.measured(found).items()}
        report[name]["pictures"] = len(test.references)
    return report


class Reference(NamedTuple):
    """References of some pictures; Chinese ones by character, or by the words of jieba."""

    references: Captions
    words: bool = False

    def measured(self, found: Mapping[str, str]) -> dict[str, float]:
        """The metrics of the captions found for these pictures."""
        hypotheses = {image: found[image] for image in self.references}
        scores = coco_metrics(self.references, hypotheses, words=self.words)
        return {**scores, **richness(list(hypotheses.values()), words=self.words)}


def compared_with(corpus: Corpus, split: str, language: str, data: Path) -> dict[str, Reference]:
    """What captions of a split in a language are compared with, by name.

    Chinese is compared by character and by word, and on Flickr8k's test pictures also with human
    translations of the English captions (Li et al. 2016), where they are there.
    """
    name = f"{corpus.name} {split} {language}"
    native = corpus.of(split, language)
    if language != "zh":
        return {name: Reference(native)}
    found = {name: native}
    if corpus.name == "flickr8k" and split == "test":
        translated = flickr8k.human_translated(data / "flickr8kcn")
        if translated:
            found[f"{name}, translated by people"] = translated
    return {
        each + (", by word" if words else ""): Reference(references, words)
        for each, references in found.items()
        for words in (False, True)
    }


def richness(captions: Sequence[str], *, words: bool = False) -> dict[str, float]:
    """How much is said, whether true or not: what would show a metric that was flattered.

    - ``length``: words of a caption, in the mean; Chinese characters where not ``words``
    - ``repetition``: percent of captions in which a word comes twice in a row, or a pair of words
      twice
    - ``distinct-1``, ``distinct-2``: different words and pairs of them, in percent of all (Li et
      al. 2016, "A Diversity-Promoting Objective Function", §5)
    - ``vocabulary``: different words

    >>> richness(["a dog and a dog", "a cat"])["repetition"]
    50.0
    >>> richness(["a dog and a dog", "a cat"])["vocabulary"]
    4
    """
    split = segmented if words else spaced
    lines = [line.split() for line in approximate_ptb([split(text) for text in captions])]
    pairs = [list(pairwise(line)) for line in lines]
    repeats = sum(
        len(set(each)) < len(each) or any(first == second for first, second in each)
        for each in pairs
    )
    singles = [word for line in lines for word in line]
    doubles = [pair for each in pairs for pair in each]
    return {
        "length": len(singles) / max(1, len(lines)),
        "repetition": 100 * repeats / max(1, len(lines)),
        "distinct-1": 100 * len(set(singles)) / max(1, len(singles)),
        "distinct-2": 100 * len(set(doubles)) / max(1, len(doubles)),
        "vocabulary": len(set(singles)),
    }

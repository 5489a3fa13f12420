"""What fast costs: the models that ship on validation data, exact and fast."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from attention_core import Translator
from attention_core.translation import corpora
from attention_core.translation.evaluation import bleu
from captioner import flickr8k
from captioner.metrics import quick_metrics
from captioner.predictor import Captioner

PICTURES = 16  # at a time


class Cost(NamedTuple):
    """A score with each, and the share of outputs that are the same."""

    exact: float
    fast: float
    same: float


def measured(data: Path, first: int | None = None) -> Iterator[tuple[str, Cost]]:
    """What is scored, and the cost; of the ``first`` sentences and pictures of ``data``, or all."""
    pairs = corpora.multi30k(data, "val", "de")[:first]
    references = [pair.target for pair in pairs]
    texts = [
        [
            found.text
            for found in Translator.load()
            .prepared(fast=fast)
            .translate([pair.source for pair in pairs], to="de")
        ]
        for fast in (False, True)
    ]
    scores = (bleu(text, references, "de") for text in texts)
    yield "translation into German, Multi30k val, BLEU", Cost(*scores, _same(*texts))

    corpus = flickr8k.read(data / "flickr8k", ("en",), ("val",))
    known = dict(list(corpus.of("val", "en").items())[:first])
    captions = []
    for fast in (False, True):
        captioner = Captioner.load().prepared(fast=fast)
        captions.append(
            [
                found.text
                for start in range(0, len(known), PICTURES)
                for found in captioner.caption(
                    [corpus.pictures[name].open() for name in [*known][start : start + PICTURES]]
                )
            ]
        )
    scores = (
        quick_metrics(known, dict(zip(known, each, strict=True)))["CIDEr"] for each in captions
    )
    yield "captions in English, Flickr8k val, CIDEr", Cost(*scores, _same(*captions))


def _same(exact: list[str], fast: list[str]) -> float:
    return sum(a == b for a, b in zip(exact, fast, strict=True)) / len(exact)

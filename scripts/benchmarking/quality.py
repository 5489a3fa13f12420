"""What fast costs: the models that ship on validation data, exact and fast."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from attention_core import Translator
from attention_core.translation import corpora
from attention_core.translation.evaluation import bleu
from captioner import flickr8k
from captioner.corpus import Captions
from captioner.features import features_of
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

    exact, fast = _captions(data, first), _captions(data, first, fast=True)
    for language, (known, found) in exact.items():
        texts = [found, fast[language][1]]
        scores = (
            quick_metrics(known, dict(zip(known, each, strict=True)))["CIDEr"] for each in texts
        )
        yield f"captions, Flickr8k val {language}, CIDEr", Cost(*scores, _same(*texts))


def _captions(
    data: Path, first: int | None, *, fast: bool = False
) -> dict[str, tuple[Captions, list[str]]]:
    """The references and the captions in every language; a picture is seen once for all."""
    captioner = Captioner.load().prepared(fast=fast)
    corpus = flickr8k.read(data / "flickr8k", captioner.languages, ("val",))
    names = [*corpus.of("val", captioner.languages[0])][:first]
    found: dict[str, list[str]] = {language: [] for language in captioner.languages}
    for start in range(0, len(names), PICTURES):
        batch = [corpus.pictures[name].open() for name in names[start : start + PICTURES]]
        features = features_of(captioner.backbone, captioner.tensors(batch))
        for language, texts in found.items():
            captions = captioner.caption_features(features, language=language)
            texts += [caption.text for caption in captions]
    told = {}
    for language, texts in found.items():
        known = corpus.of("val", language)
        kept = [(name, text) for name, text in zip(names, texts, strict=True) if name in known]
        told[language] = {name: known[name] for name, _ in kept}, [text for _, text in kept]
    return told


def _same(exact: list[str], fast: list[str]) -> float:
    return sum(a == b for a, b in zip(exact, fast, strict=True)) / len(exact)

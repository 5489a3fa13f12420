"""What fast costs, and how exact exact is: the models that ship on validation data, as they are
loaded, prepared, and prepared to be fast.
"""

from collections.abc import Callable, Iterator
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


KINDS: tuple[dict[str, bool] | None, ...] = (None, {}, {"fast": True})
"""How a model is prepared, if it is."""


class Cost(NamedTuple):
    """A score of exact and fast outputs, and the share of those of fast ones that are the same; and
    of exact ones that are what the model says that isn't prepared.
    """

    exact: float
    fast: float
    same: float
    unprepared: float


def measured(data: Path, first: int | None = None) -> Iterator[tuple[str, Cost]]:
    """What is scored, and the cost; of the ``first`` sentences and pictures of ``data``, or all."""
    pairs = corpora.multi30k(data, "val", "de")[:first]
    references = [pair.target for pair in pairs]
    texts = []
    for kind in KINDS:
        translator = Translator.load() if kind is None else Translator.load().prepared(**kind)
        found = translator.translate([pair.source for pair in pairs], to="de")
        texts.append([each.text for each in found])
    yield (
        "translation into German, Multi30k val, BLEU",
        _cost(texts, lambda text: bleu(text, references, "de")),
    )
    told = [_captions(data, first, kind) for kind in KINDS]
    for language, (known, _) in told[0].items():

        def cider(found: list[str], known: Captions = known) -> float:
            return quick_metrics(known, dict(zip(known, found, strict=True)))["CIDEr"]

        texts = [each[language][1] for each in told]
        yield f"captions, Flickr8k val {language}, CIDEr", _cost(texts, cider)


def _cost(texts: list[list[str]], score: Callable[[list[str]], float]) -> Cost:
    """Of the texts of each of ``KINDS``."""
    plain, exact, fast = texts
    return Cost(score(exact), score(fast), _same(exact, fast), _same(plain, exact))


def _captions(
    data: Path, first: int | None, kind: dict[str, bool] | None
) -> dict[str, tuple[Captions, list[str]]]:
    """The references and the captions in every language; a picture is seen once for all."""
    captioner = Captioner.load()
    captioner = captioner if kind is None else captioner.prepared(**kind)
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


def _same(some: list[str], others: list[str]) -> float:
    return sum(a == b for a, b in zip(some, others, strict=True)) / len(some)

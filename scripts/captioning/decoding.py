"""What a trained run says of the pictures, kept beside it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attention_core.search import Hypothesis
from attention_core.tasks import load_task
from captioner.corpus import Captions
from captioner.data import read
from captioner.evaluation import SPLITS
from captioner.features import build
from captioner.learner import CaptionRecipe
from captioner.metrics import quick_metrics
from captioner.predictor import Captioner

BEAMS = (3, 5, 8)
LENGTH_PENALTIES = (0.0, 0.4, 0.7, 1.0, 1.3)
CHUNK = 64  # pictures whose features are in memory at a time


def decode(run: Path, recipe: CaptionRecipe) -> None:
    """Chooses the search on val for each language and captions val and test with it, once.

    ``outputs/SPLIT.LANGUAGE.json`` in the run's folder has the caption of each picture, and
    ``test.LANGUAGE.translated.json`` the English one as the translator that ships translates it.
    ``outputs/told.json``, written last, has the parameters, and for each language the search and
    its CIDEr on val.
    """
    place = run / "outputs"
    if (place / "told.json").exists():
        return
    place.mkdir(exist_ok=True)
    captioner = Captioner.load(run / "best")
    pictures = Pictures(captioner, recipe)
    parameters = sum(p.numel() for p in captioner.model.parameters())
    told: dict[str, Any] = {"parameters": parameters, "search": {}}
    for language in captioner.languages:
        val = pictures.corpus.of("val", language)
        told["search"][language] = choose(pictures, val, language)
        for split in SPLITS:
            images = list(pictures.corpus.of(split, language))
            ranked = pictures.found(images, language, captioner.search.beam)
            texts = [captioner.told(each[:1], language).text for each in ranked]
            _keep(run, split, language, dict(zip(images, texts, strict=True)))
    if "en" in captioner.languages:
        translate = load_task("translate").answer
        for language in captioner.languages[1:]:
            wanted = pictures.corpus.of("test", language)
            said = outputs(run, "test", "en")
            texts = {image: translate(said[image], language) for image in wanted}
            _keep(run, "test", translated(language), texts)
    (place / "told.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")


class Pictures:
    """The features of val and test, and what a captioner finds for them."""

    def __init__(self, captioner: Captioner, recipe: CaptionRecipe) -> None:
        self.captioner = captioner
        self.corpus = read(recipe.data, SPLITS)
        encoder: Any = captioner.model.encoder
        self._features = build(
            Path(recipe.data.cache),
            encoder.backbone,
            captioner.size,
            self.corpus.pictures.values(),
        )

    def found(self, images: Sequence[str], language: str, width: int) -> list[list[Hypothesis]]:
        """Hypotheses for each of some pictures, best first."""
        found = []
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            features = self._features[[self.corpus.pictures[image].stamp for image in chunk]]
            found += self.captioner.hypotheses(features, language=language, width=width)
        return found


def choose(pictures: Pictures, val: Captions, language: str) -> dict[str, float]:
    """The beam and length penalty of the best CIDEr, which the captioner then has.

    It searches once a width, and ranks what it found for each length penalty: the same as
    searching anew.
    """
    captioner, tried = pictures.captioner, []
    for beam in BEAMS:
        found = pictures.found(list(val), language, beam)
        for penalty in LENGTH_PENALTIES:
            best = [max(each, key=lambda one: _score(one, penalty)) for each in found]
            texts = [captioner.told([each], language).text for each in best]
            score = quick_metrics(val, dict(zip(val, texts, strict=True)))["CIDEr"]
            tried.append((score, beam, penalty))
    score, beam, penalty = max(tried)
    captioner.search = replace(captioner.search, beam=beam, length_penalty=penalty)
    return {"beam": beam, "length_penalty": penalty, "CIDEr": score}


def outputs(run: Path, split: str, language: str) -> dict[str, str]:
    """The captions that were kept, by picture."""
    found: dict[str, str] = json.loads(_path(run, split, language).read_text("utf-8"))
    return found


def translated(language: str) -> str:
    """What stands for a language in the name of the file of translated English captions."""
    return f"{language}.translated"


def _score(found: Hypothesis, penalty: float) -> float:
    return found.log_probability / len(found.tokens) ** penalty


def _keep(run: Path, split: str, language: str, texts: dict[str, str]) -> None:
    text = json.dumps(texts, indent=1, ensure_ascii=False)
    _path(run, split, language).write_text(text + "\n", "utf-8")


def _path(run: Path, split: str, language: str) -> Path:
    return run / "outputs" / f"{split}.{language}.json"

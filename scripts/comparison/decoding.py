"""What a trained run makes of the evaluation sets, kept beside it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from attention_core.search import Hypothesis
from attention_core.translation import corpora
from attention_core.translation.corpora import Pair
from attention_core.translation.evaluation import bleu
from attention_core.translation.predictor import Translator
from attention_core.translation.text import says_nothing

BEAMS = (5, 10)
LENGTH_PENALTIES = (0.6, 0.8, 1.0, 1.2, 1.4)


def decode(run: Path, data: str) -> None:
    """Chooses the search on val for each language and translates every set with it, once.

    ``outputs/SET.LANGUAGE.txt`` in the run's folder has a line a sentence. ``outputs/told.json``,
    written last, has the parameters, and for each language the search and its BLEU on val.
    """
    place = run / "outputs"
    if (place / "told.json").exists():
        return
    place.mkdir(exist_ok=True)
    translator = Ranked.load(run / "best")
    parameters = sum(p.numel() for p in translator.model.parameters())
    told: dict[str, Any] = {"parameters": parameters, "search": {}}
    for language in translator.languages:
        told["search"][language] = choose(translator, corpora.multi30k(data, "val", language))
        for part in evaluation_sets(language):
            texts = translate(translator, corpora.multi30k(data, part, language))
            _path(run, part, language).write_text("".join(f"{text}\n" for text in texts), "utf-8")
    (place / "told.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def outputs(run: Path, part: str, language: str) -> list[str]:
    """The translations that were kept."""
    return _path(run, part, language).read_text("utf-8").split("\n")[:-1]


def evaluation_sets(language: str) -> list[str]:
    """All parts of Multi30k but the one to learn from."""
    return [part for part in corpora.MULTI30K[language] if part != "train"]


def choose(translator: Translator, val: Sequence[Pair]) -> dict[str, float]:
    """The beam and length penalty of the best cased BLEU, which the translator then has."""
    tried = []
    for beam, penalty in product(BEAMS, LENGTH_PENALTIES):
        search = replace(translator.search, beam=beam, length_penalty=penalty)
        translator.search = search
        texts = translate(translator, val)
        tried.append((bleu(texts, [pair.target for pair in val], val[0].language), search))
    score, translator.search = max(tried, key=lambda one: one[0])
    return {
        "beam": translator.search.beam,
        "length_penalty": translator.search.length_penalty,
        "bleu": score,
    }


def translate(translator: Translator, pairs: Sequence[Pair]) -> list[str]:
    """A line for each pair."""
    found = translator.translate([pair.source for pair in pairs], to=pairs[0].language)
    return [" ".join(translation.text.split()) for translation in found]


class Ranked(Translator):
    """A translator that searches once a width, and ranks what it found for each length penalty.

    The same as searching anew: which hypotheses are found depends on the penalty only where the
    search stops "best" or scores coverage.
    """

    _key: object = None
    _found: Sequence[list[Hypothesis]] = ()

    def decode(self, ids: list[list[int]], *, to: str, width: int) -> list[list[Hypothesis]]:
        if self._key != (to, width, ids):
            self._key, self._found = (to, width, ids), super().decode(ids, to=to, width=width)
        alpha = self.search.length_penalty

        def rank(one: Hypothesis) -> tuple[bool, float]:
            return says_nothing(one), -one.log_probability / len(one.tokens) ** alpha

        return [sorted(ranked, key=rank) for ranked in self._found]


def _path(run: Path, part: str, language: str) -> Path:
    return run / "outputs" / f"{part}.{language}.txt"

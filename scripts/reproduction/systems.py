"""Training and scoring systems that differ in one thing."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attention_core.recipe import load_recipe
from attention_core.training import train
from attention_core.translation.corpora import Pair
from attention_core.translation.learner import TranslateLearner, TranslateRecipe
from attention_core.translation.predictor import Translator

COMMON = Path(__file__).with_name("common.toml")
RESAMPLES = 1000


class Row(NamedTuple):
    """A system's BLEU with its 95 % interval, and its difference from the first one's."""

    system: str
    parameters: int
    bleu: float
    low: float
    high: float
    p_value: float | None  # that the difference from the first system is chance


def trained(
    group: str,
    name: str,
    changes: Sequence[str],
    learner: type[TranslateLearner] = TranslateLearner,
) -> Translator:
    """The best model of the system's run."""
    overrides = [f"out=runs/reproduction/{group}/{name}", *changes]
    return Translator.load(fitted(load_recipe(COMMON, TranslateRecipe, overrides), learner))


def fitted(recipe: TranslateRecipe, learner: type[TranslateLearner] = TranslateLearner) -> Path:
    """The best checkpoint of a recipe's run, which is made, gone on with, or there already.

    Its folder's file ``seconds`` says how long the training has taken so far.
    """
    made = learner(recipe)
    began = time.perf_counter()
    try:
        return train(made, recipe.training, recipe.out, seed=recipe.seed)
    finally:
        note = Path(recipe.out, "seconds")
        before = float(note.read_text()) if note.exists() else 0.0
        note.write_text(f"{before + time.perf_counter() - began:.1f}\n")


def compared(systems: Mapping[str, Translator], pairs: Sequence[Pair]) -> list[Row]:
    """Every system on the same sentences, by paired bootstrap (Koehn 2004) of sacreBLEU."""
    language = pairs[0].language
    sources = [pair.source for pair in pairs]
    outputs = {
        name: [found.text for found in translator.translate(sources, to=language)]
        for name, translator in systems.items()
    }
    sizes = {
        name: sum(p.numel() for p in translator.model.parameters())
        for name, translator in systems.items()
    }
    return scored(outputs, [pair.target for pair in pairs], sizes)


def scored(
    outputs: Mapping[str, Sequence[str]], references: Sequence[str], sizes: Mapping[str, int]
) -> list[Row]:
    """Rows of translations that there are already; the first system is the baseline."""
    from sacrebleu.metrics import BLEU
    from sacrebleu.significance import PairedTest

    metric = BLEU(references=[list(references)])
    test = PairedTest(
        [(name, list(texts)) for name, texts in outputs.items()],
        {"BLEU": metric},
        references=None,
        test_type="bs",
        n_samples=RESAMPLES,
    )
    _, found = test()
    return [
        Row(
            name,
            sizes[name],
            result.score,
            result.mean - result.ci,
            result.mean + result.ci,
            result.p_value,
        )
        for name, result in zip(found["System"], found["BLEU"], strict=True)
    ]

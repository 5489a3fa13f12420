"""The systems that are compared: each is the recipe with some settings."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import attention_core.translation
from attention_core import UserError, checkpoint
from attention_core.recipe import from_dict, load_recipe
from attention_core.translation.learner import TranslateRecipe

RECIPE = Path(attention_core.translation.__file__).parent / "recipes" / "multi30k.toml"
RUNS = Path("runs/multi30k")


class System(NamedTuple):
    """What differs from the recipe, and the system of the same seed whose best it goes on from."""

    note: str
    settings: tuple[str, ...] = ()
    after: str | None = None


BASE = (
    'data.languages=["de"]',
    "data.bpe_dropout=0",
    "data.vocabulary=4000",
    "model.preset=luong",
    "model.cell=lstm",
    "model.embedding=256",
    "model.hidden=256",
    "model.attention=256",
    "model.dropout=0.3",
    "model.word_dropout=0",
    "model.normalised=false",
    "model.variational=false",
    "training.epochs=10",
    "training.batch_tokens=500",
    "training.learning_rate=0.0015",
    "training.warmup=900",
    "training.validate_every=1000",
    "training.average=0",
    "training.precision=no",
)
SYSTEMS = {
    "base": System("luong, LSTM 256, into German alone", BASE),
    "base-fr": System("base into French alone", (*BASE, 'data.languages=["fr"]')),
    "base-cs": System("base into Czech alone", (*BASE, 'data.languages=["cs"]')),
    "large-batches": System(
        "batches three times as large",
        (*BASE, "training.batch_tokens=1500", "training.warmup=300", "training.validate_every=300"),
    ),
    "bahdanau": System("bahdanau, GRU", (*BASE, "model.preset=bahdanau", "model.cell=gru")),
    "wide": System("LSTM 512", (*BASE, "model.hidden=512")),
    "small-vocabulary": System("2,000 pieces", (*BASE, "data.vocabulary=2000")),
    "trilingual": System(
        "one model into three languages, LSTM 320, the mean of the last 5 validations",
        (
            *BASE,
            'data.languages=["de", "fr", "cs"]',
            "model.hidden=320",
            "training.warmup=2000",
            "training.validate_every=2000",
            "training.average=5",
            "training.average_of=last",
        ),
    ),
    "bpe-dropout": System("BPE-dropout 0.1", (*BASE, "data.bpe_dropout=0.1")),
    "word-dropout": System("word dropout 0.1", (*BASE, "model.word_dropout=0.1")),
    "average": System(
        "the mean of the last 5 validations",
        (*BASE, "training.average=5", "training.average_of=last"),
    ),
    "variational": System("one dropout mask a sequence", (*BASE, "model.variational=true")),
    "normalised": System("layer-normalised cells", (*BASE, "model.normalised=true")),
    "self-critical": System(
        "base, gone on with BLEU of samples as the reward",
        (
            *BASE,
            "self_critical.samples=5",
            "training.label_smoothing=0",
            "training.epochs=2",
            "training.learning_rate=0.0002",
            "training.warmup=50",
            "training.validate_every=200",
        ),
        after="base",
    ),
    "final": System("the recipe as it is, into German"),
    "final-fr": System("the recipe, into French", ('data.languages=["fr"]',)),
    "final-cs": System("the recipe, into Czech", ('data.languages=["cs"]',)),
}
BASELINES = {"de": "base", "fr": "base-fr", "cs": "base-cs"}  # what into a language is compared to


def run_of(name: str, seed: int) -> Path:
    """The folder of a run."""
    return RUNS / f"{name}-{seed}"


def seeds_of(name: str) -> list[int]:
    """The seeds of the runs that there are."""
    found = (re.fullmatch(rf"{name}-(\d+)", path.name) for path in RUNS.glob("*"))
    return sorted(int(match[1]) for match in found if match)


def recipe_of(name: str, seed: int, changes: Sequence[str] = ()) -> TranslateRecipe:
    """The recipe of a run.

    Raises UserError where the run there was trained by another one.
    """
    system, run = SYSTEMS[name], run_of(name, seed)
    overrides = [f"out={run}", f"seed={seed}", *system.settings, *changes]
    if system.after:
        overrides.append(f"start={run_of(system.after, seed) / 'best'}")
    recipe = load_recipe(RECIPE, TranslateRecipe, overrides)
    if (run / "best").exists():
        trained = from_dict(TranslateRecipe, checkpoint.read(run / "best").config)
        if _anywhere(trained) != _anywhere(recipe):
            raise UserError(
                f"{run} was trained by another recipe than its system has now: delete that folder"
                " to train it again, or undo the change."
            )
    return recipe


def _anywhere(recipe: TranslateRecipe) -> TranslateRecipe:
    """The recipe wherever the data and the run are."""
    return replace(recipe, out="", data=replace(recipe.data, root=""))

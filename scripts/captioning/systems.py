"""The systems that are compared: each is the recipe with some settings."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import captioner
from attention_core import UserError, checkpoint
from attention_core.recipe import from_dict, load_recipe
from captioner.learner import CaptionRecipe

RECIPE = Path(captioner.__file__).parent / "recipes" / "flickr8k.toml"
RUNS = Path("runs/captions")


class System(NamedTuple):
    """What differs from the recipe, and the system of the same seed whose best it goes on from."""

    note: str
    settings: tuple[str, ...] = ()
    after: str | None = None


TUNED = (
    "encoder.fine_tune=true",
    "training.epochs=5",
    "training.learning_rate=0.0002",
    "training.warmup=100",
    "training.validate_every=195",
    "training.patience=5",
)
REWARDED = (
    "encoder.fine_tune=false",
    "self_critical.samples=5",
    "model.dropout=0.1",
    "training.label_smoothing=0",
    "training.doubly_stochastic=0",
    "training.epochs=6",
    "training.learning_rate=0.0002",
    "training.warmup=50",
    "training.validate_every=195",
    "training.patience=10",
)
DECODERS = {
    "show-and-tell": ("Show and Tell", ("model.preset=show_and_tell", "model.embedding=512")),
    "show-attend-tell": (
        "Show, Attend and Tell, soft",
        ("model.preset=show_attend_tell", "training.doubly_stochastic=0.2"),
    ),
    "adaptive": ("adaptive attention", ("model.preset=adaptive_attention",)),
    "spatial": ("spatial attention", ()),
}
"""Their names and settings; the last is the recipe as it is."""

SYSTEMS = {
    name + suffix: System(note + more, (*own, *settings), name + before if suffix else None)
    for name, (note, own) in DECODERS.items()
    for suffix, more, settings, before in (
        ("", "", (), ""),
        ("-tuned", ", encoder fine-tuned", TUNED, ""),
        ("-reward", ", then CIDEr as the reward", REWARDED, ""),
        ("-tuned-reward", ", encoder fine-tuned, then CIDEr as the reward", REWARDED, "-tuned"),
    )
} | {
    "lite0": System("EfficientNet-Lite0", ("encoder.backbone=efficientnet-lite0",)),
    "grid-9": System("pictures of 288 pixels, a grid of 9×9", ("encoder.size=288",)),
    "grid-12": System("pictures of 384 pixels, a grid of 12×12", ("encoder.size=384",)),
    "two-levels": System("two levels of the network side by side", ("encoder.levels=2",)),
    "hard-targets": System("no label smoothing", ("training.label_smoothing=0",)),
    "word-dropout": System("word dropout 0.1", ("model.word_dropout=0.1",)),
    "scheduled-sampling": System(
        "scheduled sampling, down to 3 true words of 4",
        (
            "training.scheduled_sampling.decay=linear",
            "training.scheduled_sampling.k=1.0",
            "training.scheduled_sampling.c=0.0001",
            "training.scheduled_sampling.lowest=0.75",
        ),
    ),
    "average": System("the mean of the 5 best validations", ("training.average=5",)),
    "languages": System(
        "one model of English, Chinese and German",
        ('data.languages=["en", "zh", "de"]', "data.vocabulary=7000"),
    ),
    "languages-reward": System(
        "one model of three languages, then CIDEr as the reward",
        ('data.languages=["en", "zh", "de"]', "data.vocabulary=7000", *REWARDED),
        after="languages",
    ),
}


def run_of(name: str, seed: int) -> Path:
    """The folder of a run."""
    return RUNS / f"{name}-{seed}"


def seeds_of(name: str) -> list[int]:
    """The seeds of the runs that there are."""
    found = (re.fullmatch(rf"{name}-(\d+)", path.name) for path in RUNS.glob("*"))
    return sorted(int(match[1]) for match in found if match)


def recipe_of(name: str, seed: int, changes: Sequence[str] = ()) -> CaptionRecipe:
    """The recipe of a run.

    Raises UserError where the run there was trained by another one.
    """
    system, run = SYSTEMS[name], run_of(name, seed)
    overrides = [f"out={run}", f"seed={seed}", *system.settings, *changes]
    if system.after:
        rewarded = any(setting.startswith("self_critical") for setting in system.settings)
        start = "self_critical.start" if rewarded else "start"
        overrides.append(f"{start}={run_of(system.after, seed) / 'best'}")
    recipe = load_recipe(RECIPE, CaptionRecipe, overrides)
    if (run / "best").exists():
        trained = from_dict(CaptionRecipe, checkpoint.read(run / "best").config)
        if _anywhere(trained) != _anywhere(recipe):
            raise UserError(
                f"{run} was trained by another recipe than its system has now: delete that folder"
                " to train it again, or undo the change."
            )
    return recipe


def _anywhere(recipe: CaptionRecipe) -> CaptionRecipe:
    """The recipe wherever the data, the features and the run are."""
    return replace(recipe, out="", data=replace(recipe.data, root="", cache=""))

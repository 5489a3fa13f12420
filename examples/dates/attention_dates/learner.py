"""Recipes, and what the training loop needs for one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from attention_core import TeacherForcing, checkpoint
from attention_core.recipe import as_dict
from attention_core.training import Batch, Learner, Recipe, SearchConfig, bucketed, pad
from attention_dates.model import BEGIN, PAD, ModelConfig, build_model, encode
from attention_dates.reader import DateReader
from attention_dates.writing import examples


@dataclass(frozen=True, kw_only=True)
class DatesRecipe(Recipe):
    """A recipe of the task ``dates``."""

    writings: int = field(default=20_000, metadata={"min": 1})  # in an epoch, all of them new
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(beam=3, max_length=12, stop="best")


class DatesLearner(Learner):
    """Writings, model and objective of a recipe."""

    metric = "exact"

    def __init__(self, recipe: DatesRecipe) -> None:
        self.recipe = recipe
        self.identity = {"writings": str(recipe.writings), "seed": str(recipe.seed)}
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model)
        recipe.search.check(self.model.decoder)
        self.objective = TeacherForcing.of(recipe.training, self.model, pad=PAD)

    def batches(self, epoch: int) -> Sequence[list[tuple[str, str]]]:
        seed = self.recipe.seed * 1000 + epoch
        pairs = examples("train", self.recipe.writings, seed)
        lengths = [len(text) for text, _ in pairs]
        chosen = bucketed(lengths, self.recipe.training.batch_tokens, seed)
        return [[pairs[index] for index in batch] for batch in chosen]

    def collate(self, item: list[tuple[str, str]]) -> Batch:
        source = pad([encode(text) for text, _ in item], PAD)
        target = pad([[BEGIN, *encode(iso)] for _, iso in item], PAD)
        return Batch((source, source != PAD), target)

    def validate(self) -> dict[str, float]:
        return DateReader(self.model, self.recipe.search).score("val", beam=1)

    def save(self, directory: Path, metrics: dict[str, float]) -> None:
        checkpoint.save(
            directory,
            task="dates",
            config=as_dict(self.recipe),
            weights=checkpoint.weights_of(self.model),
            files={"README.md": _card(self.recipe, metrics).encode()},
            half=True,
        )


def _card(recipe: DatesRecipe, metrics: dict[str, float]) -> str:
    return f"""# Dates, by {recipe.model.scorer} attention

Learned from generated writings of dates from 1900 to 2099, seed {recipe.seed}. Of
{metrics["writings"]} writings of validation dates, {metrics["exact"]:.2f} % are read exactly, by
greedy search. `attention_dates/writing.py` says what ambiguous writings mean.
"""

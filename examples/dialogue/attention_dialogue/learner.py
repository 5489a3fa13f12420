"""Recipes, the model, and what the training loop needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from attention_core import (
    DecoderSizes,
    Seq2Seq,
    TeacherForcing,
    TextEncoder,
    Tokenizer,
    build_decoder,
    checkpoint,
)
from attention_core.recipe import as_dict
from attention_core.training import Batch, Learner, Recipe, SearchConfig, bucketed, pad
from attention_dialogue.corpus import drawn
from attention_dialogue.speaker import Speaker


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A preset and its sizes. Vinyals and Le 2015, §3, have ``sutskever``: no attention."""

    preset: str = "sutskever"
    embedding: int = field(default=96, metadata={"min": 1})
    hidden: int = field(default=192, metadata={"min": 2})
    dropout: float = field(default=0.2, metadata={"min": 0.0, "max": 0.9})


@dataclass(frozen=True, kw_only=True)
class ChatRecipe(Recipe):
    """A recipe of the task ``chat``."""

    exchanges: int = field(default=20_000, metadata={"min": 1})  # in an epoch
    vocabulary: int = field(default=700, metadata={"min": 300})
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(beam=1, max_length=40, stop="best")


def build_model(config: ModelConfig, vocabulary: int) -> Seq2Seq:
    """A bidirectional LSTM reads, an LSTM answers; they share their embedding."""
    half = config.hidden // 2
    sizes = DecoderSizes(
        vocabulary=vocabulary,
        embedding=config.embedding,
        hidden=2 * half,
        values=2 * half,
        summary=2 * half,
        attention=half,
        cell="lstm",
        dropout=config.dropout,
    )
    decoder = build_decoder(config.preset, sizes)
    return Seq2Seq(TextEncoder(decoder.embedding, "lstm", half, dropout=config.dropout), decoder)


class ChatLearner(Learner):
    """Exchanges, tokenizer, model and objective of a recipe."""

    metric = "exact"

    def __init__(self, recipe: ChatRecipe) -> None:
        self.recipe = recipe
        self.identity = {"exchanges": str(recipe.exchanges), "seed": str(recipe.seed)}
        text = [side for exchange in drawn(20_000, seed=0) for side in exchange]
        self.tokenizer = Tokenizer.train(text, vocabulary=recipe.vocabulary, languages=["en"])
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model, self.tokenizer.size)
        recipe.search.check(self.model.decoder)
        self.objective = TeacherForcing.of(recipe.training, self.model, pad=self.tokenizer.pad)

    def batches(self, epoch: int) -> Sequence[list[tuple[list[int], list[int]]]]:
        seed = self.recipe.seed * 1000 + epoch
        encode, begin, end = self.tokenizer.encode, self.tokenizer.begin("en"), self.tokenizer.eos
        pairs = [
            ([*encode(heard), end], [begin, *encode(answer), end])
            for heard, answer in drawn(self.recipe.exchanges, seed)
        ]
        lengths = [len(heard) for heard, _ in pairs]
        chosen = bucketed(lengths, self.recipe.training.batch_tokens, seed)
        return [[pairs[index] for index in batch] for batch in chosen]

    def collate(self, item: list[tuple[list[int], list[int]]]) -> Batch:
        heard, answers = zip(*item, strict=True)
        source = pad(heard, self.tokenizer.pad)
        return Batch((source, source != self.tokenizer.pad), pad(answers, self.tokenizer.pad))

    def validate(self) -> dict[str, float]:
        scores = Speaker(self.model, self.tokenizer, self.recipe.search).scores("val", beam=1)
        found = {name: group["exact"] for name, group in scores.items()}
        return {**found, "exact": sum(found.values()) / len(found)}

    def save(self, directory: Path, metrics: dict[str, float]) -> None:
        checkpoint.save(
            directory,
            task="chat",
            config=as_dict(self.recipe),
            weights=checkpoint.weights_of(self.model),
            files={
                "tokenizer.model": self.tokenizer.to_bytes(),
                "README.md": _card(self.recipe, metrics).encode(),
            },
            half=True,
        )


def _card(recipe: ChatRecipe, metrics: dict[str, float]) -> str:
    return f"""# A conversation about a small world

Preset `{recipe.model.preset}`, learned from the questions of `attention_dialogue/world.toml`, seed
{recipe.seed}. {metrics["exact"]:.1f} % of the validation questions are answered exactly (greedy
search). It knows that world only, and takes the last turn into account, none before it.
"""

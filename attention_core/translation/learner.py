"""Recipes of translation, and what the training loop needs for one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.recipe import as_dict
from attention_core.tokenizer import Tokenizer
from attention_core.training import (
    Batch,
    Learner,
    Recipe,
    SearchConfig,
    TeacherForcing,
    bucketed,
    pad,
)
from attention_core.translation import corpora
from attention_core.translation.corpora import Pair
from attention_core.translation.evaluation import bleu
from attention_core.translation.model import ModelConfig, build_model
from attention_core.translation.pieces import PIECES, pieces_of
from attention_core.translation.predictor import Translator

LANGUAGES = ("zh", "fr", "de", "cs")
MOST_FOR_TOKENIZER = 60_000  # pairs of each corpus, so that none outweighs the others


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to learn from: in each epoch so many pairs of each corpus and language, drawn anew,
    and all of Tatoeba's that are short, as greetings and the like are.
    """

    root: str = "data"
    languages: tuple[str, ...] = field(default=LANGUAGES, metadata={"choices": LANGUAGES})
    multi30k: int = field(default=29_000, metadata={"min": 0})
    tatoeba: int = field(default=0, metadata={"min": 0})
    short: int = field(default=0, metadata={"min": 0})  # tokens of the English side
    vocabulary: int = field(default=8000, metadata={"min": 300})
    longest: int = field(default=80, metadata={"min": 1})  # tokens; longer pairs are left out
    validation: int = field(default=200, metadata={"min": 1})  # sentences per corpus and language


@dataclass(frozen=True, kw_only=True)
class TranslateRecipe(Recipe):
    """A recipe of the task ``translate``."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(max_length=400)
    start: str | None = None  # a checkpoint to go on from, with its tokenizer


class TranslateLearner(Learner):
    """Pairs, tokenizer, model and objective of a recipe.

    The tokenizer is trained on the training text once and kept in the run's folder.
    """

    metric = "bleu"

    def __init__(self, recipe: TranslateRecipe) -> None:
        self.recipe = recipe
        data = recipe.data
        captions = [
            corpora.multi30k(data.root, "train", language)
            for language in data.languages
            if language in corpora.MULTI30K
        ]
        everyday = [
            corpora.tatoeba(data.root, "train", language)
            for language in data.languages
            if language in corpora.TATOEBA and data.tatoeba
        ]
        if not captions and not everyday:
            raise UserError("data: nothing to learn from for these languages: set data.tatoeba")
        self.tokenizer = self._tokenizer(captions + everyday)
        self._captions = [self._encoded(pairs) for pairs in captions]
        self._everyday = [self._encoded(pairs) for pairs in everyday]
        self.pieces = pieces_of((target for _, target in self._pairs()), self.tokenizer)
        self._validation = self._validation_pairs()
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model, self.tokenizer.size)
        frequencies = self._frequencies()
        if self.model.decoder.adaptive is not None:
            self.model.decoder.adaptive.rank_by(frequencies)
        if recipe.start:
            checkpoint.load_into(self.model, checkpoint.read(recipe.start))
        self.objective = TeacherForcing.of(
            recipe.training, self.model, pad=self.tokenizer.pad, frequencies=frequencies
        )

    def batches(self, epoch: int) -> Sequence[list[tuple[list[int], list[int]]]]:
        data = self.recipe.data
        seed = self.recipe.seed * 1000 + epoch
        generator = np.random.default_rng(seed)
        pairs = []
        for corpus in self._captions:
            order = generator.permutation(len(corpus))
            pairs += [corpus[i] for i in order[: data.multi30k]]
        for corpus in self._everyday:
            order = generator.permutation(len(corpus))
            taken = np.union1d(order[: data.tatoeba], self._short(corpus))
            pairs += [corpus[i] for i in taken]
        lengths = [max(len(source), len(target)) for source, target in pairs]
        return [
            [pairs[i] for i in batch]
            for batch in bucketed(lengths, self.recipe.training.batch_tokens, seed)
        ]

    def collate(self, item: list[tuple[list[int], list[int]]]) -> Batch:
        return collate(item, self.tokenizer)

    def validate(self) -> dict[str, float]:
        """Greedy BLEU for each corpus and language, and their mean."""
        translator = Translator(self.model, self.tokenizer, self.recipe.search, self.pieces)
        scores = {
            name: bleu(
                [
                    t.text
                    for t in translator.translate(
                        [p.source for p in pairs], to=pairs[0].language, beam=1
                    )
                ],
                [p.target for p in pairs],
                pairs[0].language,
            )
            for name, pairs in self._validation.items()
        }
        return {**scores, "bleu": sum(scores.values()) / len(scores)}

    def save(self, directory: Path, metrics: dict[str, float]) -> None:
        checkpoint.save(
            directory,
            task="translate",
            config=as_dict(self.recipe),
            weights=checkpoint.weights_of(self.model),
            files={
                "tokenizer.model": self.tokenizer.to_bytes(),
                PIECES: json.dumps(self.pieces).encode(),
                "README.md": _card(self.recipe, metrics).encode(),
            },
            half=True,
        )

    def _frequencies(self) -> torch.Tensor:
        """How often each id is a target."""
        targets = chain.from_iterable(target[1:] for _, target in self._pairs())
        counts = np.bincount(np.fromiter(targets, np.int64), minlength=self.tokenizer.size)
        return torch.from_numpy(counts)

    def _pairs(self) -> Iterator[tuple[list[int], list[int]]]:
        return chain(*self._captions, *self._everyday)

    def _short(self, corpus: list[tuple[list[int], list[int]]]) -> list[int]:
        return [i for i, (source, _) in enumerate(corpus) if len(source) <= self.recipe.data.short]

    def _tokenizer(self, corpus: list[list[Pair]]) -> Tokenizer:
        path = Path(self.recipe.start or self.recipe.out) / "tokenizer.model"
        if path.exists() or self.recipe.start:
            return Tokenizer.load(path)
        data = self.recipe.data
        tokenizer = Tokenizer.train(
            corpora.balanced_text(
                pair for pairs in corpus for pair in drawn(pairs, MOST_FOR_TOKENIZER)
            ),
            vocabulary=data.vocabulary,
            languages=data.languages,
            character_coverage=0.9999,  # rare Chinese characters as themselves, not as bytes
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tokenizer.to_bytes())
        return tokenizer

    def _encoded(self, pairs: list[Pair]) -> list[tuple[list[int], list[int]]]:
        encoded = [encode(pair, self.tokenizer) for pair in pairs]
        longest = self.recipe.data.longest
        return [(s, t) for s, t in encoded if len(s) <= longest and len(t) <= longest]

    def _validation_pairs(self) -> dict[str, list[Pair]]:
        data = self.recipe.data
        found: dict[str, list[Pair]] = {}
        for language in data.languages:
            if language in corpora.MULTI30K:
                found[f"multi30k_{language}"] = corpora.multi30k(data.root, "val", language)
            if data.tatoeba and language in corpora.TATOEBA:
                found[f"tatoeba_{language}"] = corpora.tatoeba(data.root, "val", language)
        return {name: drawn(pairs, data.validation) for name, pairs in found.items()}


def drawn(pairs: list[Pair], most: int) -> list[Pair]:
    """At most so many of the pairs, always the same ones, from all over the corpus."""
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order[:most]]


def encode(pair: Pair, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids of a pair: source with its end, target between its language's symbol and its end."""
    source = [*tokenizer.encode(pair.source), tokenizer.eos]
    target = [tokenizer.begin(pair.language), *tokenizer.encode(pair.target), tokenizer.eos]
    return source, target


def collate(pairs: Sequence[tuple[list[int], list[int]]], tokenizer: Tokenizer) -> Batch:
    """Encoded pairs as one batch."""
    sources, targets = zip(*pairs, strict=True)
    tokens = pad(sources, tokenizer.pad)
    return Batch((tokens, tokens != tokenizer.pad), pad(targets, tokenizer.pad))


def _card(recipe: TranslateRecipe, metrics: dict[str, float]) -> str:
    table = "\n".join(f"| {name} | {value:.1f} |" for name, value in metrics.items())
    corpora = "Tatoeba (CC BY 2.0 FR) and Multi30k" if recipe.data.tatoeba else "Multi30k"
    return f"""# English into {", ".join(recipe.data.languages)}

A recurrent model with attention (preset `{recipe.model.preset}`), trained on {corpora}
(research use), seed {recipe.seed}.

| validation, greedy search | BLEU |
|---|---|
{table}
"""

"""Recipes of translation, and what the training loop needs for one."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.pieces import PIECES, pieces_of, united
from attention_core.recipe import as_dict
from attention_core.tasks import find_checkpoint
from attention_core.tokenizer import Tokenizer
from attention_core.training import (
    Batch,
    Learner,
    Objective,
    Recipe,
    SearchConfig,
    SelfCritical,
    SelfCriticalConfig,
    TeacherForcing,
    begun,
    bucketed,
    fingerprint,
    pad,
)
from attention_core.training.alone import digest, write_alone
from attention_core.translation import corpora
from attention_core.translation.calibration import calibrated
from attention_core.translation.confidence import CONFIDENCE
from attention_core.translation.corpora import Pair
from attention_core.translation.evaluation import bleu
from attention_core.translation.mixture import Corpus, DataConfig, mixture, some
from attention_core.translation.model import ModelConfig, build_model
from attention_core.translation.predictor import Translator
from attention_core.translation.reward import BleuReward
from attention_core.translation.stand_ins import replaced

MOST_FOR_TOKENIZER = 60_000  # pairs of each corpus, so that none outweighs the others

Ids = tuple[list[int], list[int]]  # of a source and its target


@dataclass(frozen=True, kw_only=True)
class TranslateRecipe(Recipe):
    """A recipe of the task ``translate``.

    >>> from attention_core.training import TrainingConfig
    >>> TranslateRecipe(out="runs/mine", training=TrainingConfig(epochs=2)).model.preset
    'luong'
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(max_length=400)
    start: str | None = None  # a checkpoint to go on from, with its tokenizer
    self_critical: SelfCriticalConfig | None = None  # from there, with BLEU as the reward

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.self_critical is None:
            return
        if self.start is None:
            raise UserError("self_critical: name the trained model that it goes on from as start")
        self.self_critical.check(self.training)


class TranslateLearner(Learner):
    """Pairs, tokenizer, model and objective of a recipe.

    The tokenizer is trained on the training text once and kept in the run's folder.

    >>> TranslateLearner.metric  # chosen by on the validation sentences
    'bleu'
    """

    metric = "bleu"

    def __init__(self, recipe: TranslateRecipe) -> None:
        self.recipe = recipe
        checkpoint.check_place(Path(recipe.out) / "best")
        self._start = find_checkpoint(recipe.start) if recipe.start else None
        start = checkpoint.read(self._start).of("translate") if self._start else None
        read, held_out = (mixture(recipe.data, split) for split in ("train", "val"))
        self.identity = {
            "text to learn from": fingerprint(*read, *held_out),
            "vocabulary": str(recipe.data.vocabulary),
        }
        self.tokenizer = self._tokenizer(read)
        self.identity["tokenizer"] = digest(self.tokenizer.to_bytes())
        self._corpora = [(corpus, *self._fitting(corpus)) for corpus in read]
        self.pieces = self._written_with()
        if start:
            self.pieces = united(self.pieces, start)
        self._words = {
            self.tokenizer.begin(language): torch.tensor(ids)
            for language, ids in self.pieces.items()
        }
        self._validation = {
            corpus.name: some(corpus.pairs, recipe.data.validation) for corpus in held_out
        }
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model, self.tokenizer.size)
        recipe.search.check(self.model.decoder)
        frequencies = self._frequencies()
        if self.model.decoder.adaptive is not None:
            self.model.decoder.adaptive.rank_by(frequencies)
        if start:
            checkpoint.load_into(self.model, start)
        self.objective = self._objective(frequencies)

    def batches(self, epoch: int) -> Sequence[list[Ids]]:
        """Of one target language each, so that only what it is written with need be scored."""
        seed = self.recipe.seed * 1000 + epoch
        generator = np.random.default_rng(seed)
        into: dict[str, list[Ids]] = defaultdict(list)
        for corpus, raw, encoded in self._corpora:
            taken = generator.permutation(len(encoded))[: corpus.drawn]
            if corpus.short:
                short = [i for i, (source, _) in enumerate(encoded) if len(source) <= corpus.short]
                taken = np.union1d(taken, np.array(short, np.int64))
            if self._varies:
                found = self._varied([raw[i] for i in taken], generator)
            else:
                found = [encoded[i] for i in taken]
            into[raw[0].language] += found
        batches = []
        for pairs in into.values():
            lengths = [max(len(source), len(target)) for source, target in pairs]
            for batch in bucketed(lengths, self.recipe.training.batch_tokens, seed):
                batches.append([pairs[i] for i in batch])
        return [batches[i] for i in generator.permutation(len(batches))]

    def collate(self, item: list[Ids]) -> Batch:
        return collate(item, self.tokenizer, self._words)

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

    def finish(self, best: Path) -> None:
        """Calibrates the confidence of the best checkpoint on the validation sentences."""
        if (best / CONFIDENCE).exists():
            return
        held_out = [pair for pairs in self._validation.values() for pair in pairs]
        frequencies = {
            language: np.zeros(self.tokenizer.size, np.int64)
            for language in self.tokenizer.languages
        }
        for corpus, _, encoded in self._corpora:
            sources = chain.from_iterable(source for source, _ in encoded)
            frequencies[corpus.pairs[0].language] += np.bincount(
                np.fromiter(sources, np.int64), minlength=self.tokenizer.size
            )
        counts = {language: each.tolist() for language, each in frequencies.items()}
        if fitted := calibrated(Translator.load(best), held_out, counts):
            (best / CONFIDENCE).write_bytes(fitted.to_bytes())

    def _objective(self, frequencies: torch.Tensor) -> Objective:
        recipe, critical = self.recipe, self.recipe.self_critical
        if critical is None:
            return TeacherForcing.of(
                recipe.training, self.model, pad=self.tokenizer.pad, frequencies=frequencies
            )
        return SelfCritical(
            self.model,
            BleuReward(self.tokenizer, recipe.data.targets),
            samples=critical.samples,
            max_length=recipe.data.longest,
            end=self.tokenizer.eos,
            pad=self.tokenizer.pad,
            cross_entropy=critical.cross_entropy,
        )

    def _frequencies(self) -> torch.Tensor:
        """How often each id is a target."""
        targets = chain.from_iterable(target[1:] for _, target in self._pairs())
        counts = np.bincount(np.fromiter(targets, np.int64), minlength=self.tokenizer.size)
        return torch.from_numpy(counts)

    @property
    def _varies(self) -> bool:
        """Whether a pair is not the same ids in every epoch."""
        return bool(self.recipe.data.bpe_dropout or self.recipe.data.stand_ins)

    def _varied(self, pairs: list[Pair], generator: np.random.Generator) -> list[Ids]:
        data = self.recipe.data
        chosen = generator.random(len(pairs)) < data.stand_ins
        pairs = [
            replaced(pair, generator) if choice else pair
            for pair, choice in zip(pairs, chosen, strict=True)
        ]
        return encode(
            pairs, self.tokenizer, dropout=data.bpe_dropout, seed=int(generator.integers(2**31))
        )

    def _written_with(self) -> dict[str, list[int]]:
        """The ids that each language is written with, whatever pieces its words are cut into."""
        pieces = pieces_of((target for _, target in self._pairs()), self.tokenizer)
        if not self._varies:
            return pieces
        varied = self._varied(
            [pair for _, raw, _ in self._corpora for pair in raw], np.random.default_rng(0)
        )
        more = pieces_of((target for _, target in varied), self.tokenizer)
        return {language: sorted({*ids, *more[language]}) for language, ids in pieces.items()}

    def _pairs(self) -> Iterator[Ids]:
        return chain.from_iterable(encoded for _, _, encoded in self._corpora)

    def _tokenizer(self, read: list[Corpus]) -> Tokenizer:
        path = Path(self._start or self.recipe.out) / "tokenizer.model"
        data = self.recipe.data
        if self._start or begun(self.recipe.out):
            return Tokenizer.load(path).speaking(data.targets)
        tokenizer = Tokenizer.train(
            corpora.balanced_text(
                pair for corpus in read for pair in some(corpus.pairs, MOST_FOR_TOKENIZER)
            ),
            vocabulary=data.vocabulary,
            languages=data.targets,
            character_coverage=0.9999,  # rare Chinese characters as themselves, not as bytes
        )
        write_alone(path, tokenizer.to_bytes())
        return tokenizer

    def _fitting(self, corpus: Corpus) -> tuple[list[Pair], list[Ids]]:
        """The pairs that are not too long, and their ids; says how many are left out."""
        longest = self.recipe.data.longest
        fitting = [
            (pair, ids)
            for pair, ids in zip(corpus.pairs, encode(corpus.pairs, self.tokenizer), strict=True)
            if max(map(len, ids)) <= longest
        ]
        if not fitting:
            raise UserError(f"{corpus.name}: no pair is within data.longest = {longest} tokens")
        if left_out := len(corpus.pairs) - len(fitting):
            print(
                f"{corpus.name}: {left_out} of {len(corpus.pairs)} pairs left out, longer than"
                f" data.longest = {longest} tokens",
                file=sys.stderr,
            )
        return [pair for pair, _ in fitting], [ids for _, ids in fitting]


def encode(
    pairs: Sequence[Pair], tokenizer: Tokenizer, *, dropout: float = 0.0, seed: int = 0
) -> list[Ids]:
    """Ids of pairs: source with its end, target between its language's symbol and its end.

    ``dropout`` is that of ``Tokenizer.spell``.

    >>> tokenizer = Tokenizer.train(["a cat", "un gato"] * 9, vocabulary=270, languages=["es"])
    >>> ((source, target),) = encode([Pair("a cat", "un gato", "es")], tokenizer)
    >>> tokenizer.pieces(target)[0], tokenizer.decode(target), target[-1] == tokenizer.eos
    ('<2es>', 'un gato', True)
    """
    end = tokenizer.eos
    sources = tokenizer.spell([p.source for p in pairs], dropout=dropout, seed=seed)
    targets = tokenizer.spell([p.target for p in pairs], dropout=dropout, seed=seed + 1)
    return [
        ([*source, end], [tokenizer.begin(pair.language), *target, end])
        for pair, source, target in zip(pairs, sources, targets, strict=True)
    ]


def collate(
    pairs: Sequence[Ids], tokenizer: Tokenizer, written_with: Mapping[int, torch.Tensor]
) -> Batch:
    """Encoded pairs of one language as one batch; ``written_with`` are its words, by the first
    token. What the batch has beside them is added: other pieces may be cut in another epoch.

    >>> tokenizer = Tokenizer.train(["a cat", "un gato"] * 9, vocabulary=270, languages=["es"])
    >>> batch = collate(
    ...     [([5, 6, 2], [3, 7, 2]), ([5, 2], [3, 2])], tokenizer, {3: torch.tensor([2, 9])})
    >>> batch.tokens, batch.words
    (tensor([[3, 7, 2],
            [3, 2, 0]]), tensor([2, 7, 9]))
    """
    sources, targets = zip(*pairs, strict=True)
    tokens = pad(sources, tokenizer.pad)
    written = torch.tensor([word for target in targets for word in target[1:]])
    words = torch.cat([written_with[targets[0][0]], written]).unique()
    return Batch((tokens, tokens != tokenizer.pad), pad(targets, tokenizer.pad), words)


def _card(recipe: TranslateRecipe, metrics: dict[str, float]) -> str:
    table = "\n".join(f"| {name} | {value:.1f} |" for name, value in metrics.items())
    data = recipe.data
    named = ", ".join(data.languages)
    if data.files:
        title, origin = f"The source language into {named}", ", ".join(data.files)
    else:
        title = f"Out of {named} into English" if data.into_english else f"English into {named}"
        learned = "Tatoeba (CC BY 2.0 FR) and Multi30k" if data.tatoeba else "Multi30k"
        origin = f"{learned}\n(research use)"
    return f"""# {title}

A recurrent model with attention (preset `{recipe.model.preset}`), trained on {origin},
seed {recipe.seed}.

| validation, greedy search | BLEU |
|---|---|
{table}
"""

"""Recipes of captioning, and what the training loop needs for one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

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
from captioner.augment import augmented
from captioner.backbones import RANDOM, Backbone, load_backbone
from captioner.calibration import measured
from captioner.confidence import CONFIDENCE, counted, fit
from captioner.corpus import normalise
from captioner.data import DataConfig, read
from captioner.efficientnet_lite import EfficientNetLite
from captioner.features import build, cache_key, check_readable
from captioner.metrics import cut, quick_metrics
from captioner.model import EncoderConfig, ModelConfig, build_model
from captioner.predictor import BATCH, Captioner
from captioner.reward import CiderReward
from captioner.texts import imagined
from captioner.texts import read as read_texts


@dataclass(frozen=True, kw_only=True)
class CiderConfig(SelfCriticalConfig):
    """Go on from a checkpoint, with CIDEr-D of sampled captions as the reward."""

    start: str  # a checkpoint whose model, tokenizer and language are those of the recipe


@dataclass(frozen=True, kw_only=True)
class CaptionRecipe(Recipe):
    """A recipe of the task ``caption``; without ``self_critical`` it is teacher forcing.

    ``start`` is a checkpoint to begin from, with its tokenizer, such as that of a frozen encoder
    to fine-tune; or "caption", the one that ships.
    """

    data: DataConfig = DataConfig()
    encoder: EncoderConfig = EncoderConfig()
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(max_length=40)
    self_critical: CiderConfig | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder.fine_tune and not self.training.learning_rate:
            raise UserError("training.learning_rate: the encoder's follows it, so it can't be 0")
        if self.encoder.labels and self.encoder.fine_tune:
            raise UserError(
                "encoder.labels: a classifier needs the features that it was trained on: set"
                " fine_tune to false, or labels to 0"
            )
        if self.data.texts and not self.encoder.labels:
            raise UserError("data.texts: they are told by labels: set encoder.labels, to 5 or so")
        if self.self_critical is None:
            return
        if self.start:
            raise UserError("start: self_critical has its own: leave one of the two out")
        self.self_critical.check(self.training)

    @property
    def beginning(self) -> Path | None:
        """The checkpoint that training begins from, if any."""
        start = self.self_critical.start if self.self_critical else self.start
        return find_checkpoint(start) if start else None


class Item(NamedTuple):
    """Pictures of a batch, the language of their captions, and the seed of their changes."""

    language: str
    images: list[str]
    seed: tuple[int, int, int]


class TextItem(NamedTuple):
    """Texts of a batch by number, and the seed of their labels."""

    language: str
    texts: list[int]
    seed: tuple[int, int, int]


class CaptionLearner(Learner):
    """Captions, pictures or their cached features, tokenizer, model and objective of a recipe.

    A picture is encoded once for all of its captions in a batch; pictures with fewer captions
    than the most repeat some, so that every source has as many rows.
    """

    metric = "cider"

    def __init__(self, recipe: CaptionRecipe) -> None:
        self.recipe = recipe
        checkpoint.check_place(Path(recipe.out) / "best")
        encoder, begin = recipe.encoder, recipe.beginning
        start = checkpoint.read(begin).of("caption") if begin else None
        self.corpus = read(recipe.data, ("train", "val"))
        for split in ("train", "val"):
            for language in recipe.data.languages:
                self.corpus.of(split, language)  # which tells an empty one
        self._texts = {
            language: self._training_texts(language) for language in recipe.data.languages
        }
        self._without_pictures = read_texts(recipe.data.texts, recipe.data.languages)
        self.tokenizer = self._tokenizer()
        weights = RANDOM if begin else encoder.weights
        backbone = load_backbone(
            encoder.backbone, size=encoder.size, weights=weights, levels=encoder.levels
        )
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model, self.tokenizer.size, backbone, encoder.labels)
        if start:
            checkpoint.load_into(self.model, start)
        recipe.search.check(self.model.decoder)
        backbone.requires_grad_(encoder.fine_tune)
        self.features = None
        if encoder.fine_tune:
            self.rates: Mapping[str, float] = {"model.encoder.backbone.": encoder.learning_rate}
            if not begun(recipe.out):  # one that can't be read would end an epoch in its middle
                check_readable(self.corpus.pictures.values())
        else:
            _round(backbone)
            pictures = self.corpus.pictures.values()
            self.features = build(Path(recipe.data.cache), backbone, encoder.size, pictures)
        held_out = [self.corpus.of("val", language) for language in recipe.data.languages]
        self.identity = {
            "encoder": cache_key(backbone, encoder.size),
            "text to learn from": fingerprint(self._texts, held_out, self._without_pictures),
            "vocabulary": str(recipe.data.vocabulary),
            "tokenizer": digest(self.tokenizer.to_bytes()),
        }
        self._rows = {
            language: {
                image: [self._ids(text, language) for text in texts]
                for image, texts in captions.items()
            }
            for language, captions in self._texts.items()
        }
        self._rows_of_texts = {
            language: [self._ids(each.text, language) for each in found]
            for language, found in self._without_pictures.items()
        }
        self.pieces = pieces_of(self._written(), self.tokenizer)
        if start:
            self.pieces = united(self.pieces, start)
        self._words = {language: torch.tensor(ids) for language, ids in self.pieces.items()}
        self.captioner = Captioner(
            self.model, self.tokenizer, recipe.search, encoder.size, self.pieces
        )
        self.objective = self._objective()

    def batches(self, epoch: int) -> Sequence[Item | TextItem]:
        """Pictures, or texts without, of one language each, those of like length together."""
        seed = self.recipe.seed * 1000 + epoch
        generator = np.random.default_rng(seed)
        found: list[Item | TextItem] = []
        for language, rows in self._rows.items():
            images = list(rows)
            lengths = [len(texts) * max(map(len, texts)) for texts in rows.values()]
            for batch in bucketed(lengths, self.recipe.training.batch_tokens, seed):
                each = (self.recipe.seed, epoch, len(found))
                found.append(Item(language, [images[i] for i in batch], each))
        if self.recipe.self_critical is None:
            for language, lines in self._rows_of_texts.items():
                drawn = generator.permutation(len(lines))[: self.recipe.data.texts_drawn]
                lengths = [len(lines[i]) for i in drawn]
                for batch in bucketed(lengths, self.recipe.training.batch_tokens, seed):
                    each = (self.recipe.seed, epoch, len(found))
                    found.append(TextItem(language, drawn[batch].tolist(), each))
        return [found[i] for i in generator.permutation(len(found))]

    def collate(self, item: Item | TextItem) -> Batch:
        if isinstance(item, TextItem):
            return self._told(item)
        each = [self._rows[item.language][image] for image in item.images]
        most = max(map(len, each))
        rows = [lines[i % len(lines)] for lines in each for i in range(most)]
        generator = np.random.default_rng(item.seed)
        source = self._sources(item.images, item.language, generator)
        return Batch((source,), pad(rows, self.tokenizer.pad), self._words[item.language])

    def _told(self, item: TextItem) -> Batch:
        """Texts as what might be told of their pictures, and the texts."""
        generator = np.random.default_rng(item.seed)
        found = self._without_pictures[item.language]
        labels = np.stack([imagined(found[i].labels, generator) for i in item.texts])
        rows = [self._rows_of_texts[item.language][i] for i in item.texts]
        source = (torch.from_numpy(labels),)
        return Batch(source, pad(rows, self.tokenizer.pad), self._words[item.language])

    def validate(self) -> dict[str, float]:
        """CIDEr and BLEU-4 of greedy captions of the validation pictures; the mean CIDEr."""
        scores: dict[str, float] = {}
        for language in self.recipe.data.languages:
            references = self.corpus.of("val", language)
            found: dict[str, str] = {}
            for start in range(0, len(references), BATCH):
                images = list(references)[start : start + BATCH]
                captions = self.captioner.caption_features(
                    self._sources(images), language=language, beam=1
                )
                found |= {name: c.text for name, c in zip(images, captions, strict=True)}
            metrics = quick_metrics(references, found)
            scores |= {f"{language}_{name}": value for name, value in metrics.items()}
        mean = sum(scores[f"{x}_CIDEr"] for x in self.recipe.data.languages)
        return {**scores, "cider": mean / len(self.recipe.data.languages)}

    def save(self, directory: Path, metrics: dict[str, float]) -> None:
        """The checkpoint holds the backbone too: it captions pictures with nothing else."""
        checkpoint.save(
            directory,
            task="caption",
            config=as_dict(self.recipe),
            weights=checkpoint.weights_of(self.model),
            files={
                "tokenizer.model": self.tokenizer.to_bytes(),
                PIECES: json.dumps(self.pieces).encode(),
                "README.md": _card(self.recipe, self.corpus.name, metrics).encode(),
            },
            half=True,
        )

    def finish(self, best: Path) -> None:
        """Calibrates the confidence of the best checkpoint on the validation pictures."""
        captioner = Captioner.load(best)
        if (best / CONFIDENCE).exists() or not isinstance(captioner.backbone, EfficientNetLite):
            return
        counts = counted(
            (text, language)
            for language, captions in self._texts.items()
            for texts in captions.values()
            for text in texts
        )
        for found in self._without_pictures.values():
            for each in found:
                for label in each.labels:
                    counts[label] += 1
        results = []
        for language in self.recipe.data.languages:
            references = self.corpus.of("val", language)
            results += measured(captioner, self._sources, references, language, counts)
        fitted = fit(
            [each.given for each in results],
            [each.quality for each in results],
            [each.language for each in results],
            counts,
        )
        (best / CONFIDENCE).write_bytes(fitted.to_bytes())

    def _sources(
        self,
        images: Sequence[str],
        language: str | None = None,
        generator: np.random.Generator | None = None,
    ) -> Tensor:
        """What the encoder takes of some pictures; with a generator, changed for training."""
        pictures = [self.corpus.pictures[image] for image in images]
        if self.features is not None:
            return self.features[[picture.stamp for picture in pictures]]
        opened = [picture.open() for picture in pictures]
        if language and generator:
            opened = [
                augmented(picture, self._texts[language][image], language, generator)
                for image, picture in zip(images, opened, strict=True)
            ]
        return self.captioner.tensors(opened)

    def _ids(self, text: str, language: str) -> list[int]:
        tokenizer = self.tokenizer
        return [tokenizer.begin(language), *tokenizer.encode(text), tokenizer.eos]

    def _written(self) -> Iterator[list[int]]:
        """All that is learnt, as ids."""
        for rows in self._rows.values():
            for each in rows.values():
                yield from each
        for lines in self._rows_of_texts.values():
            yield from lines

    def _objective(self) -> Objective:
        training, critical = self.recipe.training, self.recipe.self_critical
        if critical is None:
            return TeacherForcing.of(training, self.model, pad=self.tokenizer.pad)
        return SelfCritical(
            self.model,
            CiderReward(self._by_picture(), self.tokenizer),
            samples=critical.samples,
            max_length=self.recipe.search.max_length,
            end=self.tokenizer.eos,
            pad=self.tokenizer.pad,
            cross_entropy=critical.cross_entropy,
        )

    def _by_picture(self) -> list[list[str]]:
        """The training captions of each picture, in all languages: n-grams are one language's, so
        that each is as rare as it is there.
        """
        found: dict[str, list[str]] = {}
        for language in self.recipe.data.languages:
            for image, lines in self.corpus.of("train", language).items():
                found.setdefault(image, []).extend(lines)
        return list(found.values())

    def _training_texts(self, language: str) -> dict[str, list[str]]:
        """The training captions as they are learnt, less those without a word."""
        found = {
            image: [text for line in lines if (text := normalise(line, language))]
            for image, lines in self.corpus.of("train", language).items()
        }
        found = {image: texts for image, texts in found.items() if texts}
        if not found:
            raise UserError(
                f"{self.corpus.name}: the training captions in {language!r} have no words to learn "
                "a vocabulary from"
            )
        return found

    def _tokenizer(self) -> Tokenizer:
        begin = self.recipe.beginning
        path = Path(begin or self.recipe.out) / "tokenizer.model"
        if begin or begun(self.recipe.out):
            return Tokenizer.load(path).speaking(self.recipe.data.languages)
        text = [
            line
            for captions in self._texts.values()
            for lines in captions.values()
            for line in lines
        ]
        text += [each.text for found in self._without_pictures.values() for each in found]
        tokenizer = Tokenizer.train(
            text,
            vocabulary=self.recipe.data.vocabulary,
            languages=self.recipe.data.languages,
            character_coverage=0.9999,  # rare Chinese characters as themselves, not as bytes
            words=cut,  # so that it can be seen where the model looked for each
        )
        write_alone(path, tokenizer.to_bytes())
        return tokenizer


def _round(backbone: Backbone) -> None:
    """Rounds weights to float16 as checkpoints do, so that what is learned on their features is
    learned on those of the model that ships, and whoever goes on from it needs no others."""
    for weight in backbone.state_dict().values():
        if weight.is_floating_point():
            weight.copy_(weight.half())


def _card(recipe: CaptionRecipe, corpus: str, metrics: dict[str, float]) -> str:
    table = "\n".join(f"| {name} | {value:.1f} |" for name, value in metrics.items())
    encoder = recipe.encoder
    weights = "random weights" if encoder.weights == RANDOM else encoder.weights or "ImageNet"
    taught = "fine-tuned" if encoder.fine_tune else "frozen"
    return f"""# Captions in {", ".join(recipe.data.languages)}

{encoder.backbone} ({weights}, {taught}) and a recurrent decoder with attention (preset
`{recipe.model.preset}`), trained on the training captions of {corpus}, seed {recipe.seed}.

| validation, greedy search | points |
|---|---|
{table}
"""

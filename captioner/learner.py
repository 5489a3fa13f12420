"""Recipes of captioning, and what the training loop needs for one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    Objective,
    Recipe,
    SearchConfig,
    SelfCritical,
    SelfCriticalConfig,
    TeacherForcing,
    bucketed,
    pad,
)
from captioner import flickr8k
from captioner.efficientnet_lite import load_imagenet
from captioner.features import build
from captioner.metrics import quick_metrics
from captioner.model import EncoderConfig, ModelConfig, build_model
from captioner.predictor import Captioner
from captioner.reward import CiderReward


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Flickr8k under ``root``, and where picture features are cached."""

    root: str = "data"
    cache: str = "runs/features"
    languages: tuple[str, ...] = field(default=("en",), metadata={"choices": flickr8k.LANGUAGES})
    vocabulary: int = field(default=3000, metadata={"min": 300})


@dataclass(frozen=True, kw_only=True)
class CiderConfig(SelfCriticalConfig):
    """Go on from a checkpoint, with CIDEr-D of sampled captions as the reward."""

    start: str  # a checkpoint whose model, tokenizer and language are those of the recipe


@dataclass(frozen=True, kw_only=True)
class CaptionRecipe(Recipe):
    """A recipe of the task ``caption``; without ``self_critical`` it is teacher forcing."""

    data: DataConfig = DataConfig()
    encoder: EncoderConfig = EncoderConfig()
    model: ModelConfig = ModelConfig()
    search: SearchConfig = SearchConfig(max_length=40)
    self_critical: CiderConfig | None = None

    def __post_init__(self) -> None:
        if self.self_critical is None:
            return
        if len(self.data.languages) > 1:
            raise UserError(
                "self_critical: train one language at a time, as CIDEr counts its words"
            )
        self.self_critical.check(self.training)


class CaptionLearner(Learner):
    """Captions, cached features, tokenizer, model and objective of a recipe.

    A picture is encoded once for all of its captions in a batch; pictures with fewer captions
    than the most repeat some, so that every source has as many rows.
    """

    metric = "cider"

    def __init__(self, recipe: CaptionRecipe) -> None:
        self.recipe = recipe
        root = Path(recipe.data.root) / "flickr8k"
        self.captions = {
            (split, language): _by_picture(flickr8k.captions(root, language), split)
            for split in ("train", "val")
            for language in recipe.data.languages
        }
        backbone = load_imagenet(recipe.encoder.backbone).requires_grad_(False)
        pictures = flickr8k.pictures(root, ("train", "val"))
        self.features = build(Path(recipe.data.cache), backbone, recipe.encoder.size, pictures)
        self.tokenizer = self._tokenizer()
        self._rows = {
            language: {
                image: [
                    [
                        self.tokenizer.begin(language),
                        *self.tokenizer.encode(flickr8k.normalise(text, language)),
                        self.tokenizer.eos,
                    ]
                    for text in texts
                ]
                for image, texts in self.captions["train", language].items()
            }
            for language in recipe.data.languages
        }
        torch.manual_seed(recipe.seed)
        self.model = build_model(recipe.model, self.tokenizer.size, backbone)
        recipe.search.check(self.model.decoder)
        self.objective = self._objective()

    def batches(self, epoch: int) -> Sequence[tuple[str, list[str]]]:
        """Pictures of one language each, those with captions of like length together."""
        seed = self.recipe.seed * 1000 + epoch
        found = []
        for language, rows in self._rows.items():
            images = list(rows)
            lengths = [len(texts) * max(map(len, texts)) for texts in rows.values()]
            for batch in bucketed(lengths, self.recipe.training.batch_tokens, seed):
                found.append((language, [images[i] for i in batch]))
        return [found[i] for i in np.random.default_rng(seed).permutation(len(found))]

    def collate(self, item: tuple[str, list[str]]) -> Batch:
        language, images = item
        each = [self._rows[language][image] for image in images]
        most = max(map(len, each))
        rows = [texts[i % len(texts)] for texts in each for i in range(most)]
        return Batch((self.features[images],), pad(rows, self.tokenizer.pad))

    def validate(self) -> dict[str, float]:
        """CIDEr and BLEU-4 of greedy captions of the validation pictures; the mean CIDEr."""
        captioner = Captioner(
            self.model, self.tokenizer, self.recipe.search, self.recipe.encoder.size
        )
        scores: dict[str, float] = {}
        for language in self.recipe.data.languages:
            references = self.captions["val", language]
            images = list(references)
            found = captioner.caption_features(self.features[images], language=language, beam=1)
            metrics = quick_metrics(
                references, {i: c.text for i, c in zip(images, found, strict=True)}
            )
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
                "README.md": _card(self.recipe, metrics).encode(),
            },
            half=True,
        )

    def _objective(self) -> Objective:
        training, critical = self.recipe.training, self.recipe.self_critical
        if critical is None:
            return TeacherForcing.of(training, self.model, pad=self.tokenizer.pad)
        checkpoint.load_into(self.model, checkpoint.read(critical.start))
        corpus = self.captions["train", self.recipe.data.languages[0]].values()
        return SelfCritical(
            self.model,
            CiderReward(corpus, self.tokenizer),
            samples=critical.samples,
            max_length=self.recipe.search.max_length,
            end=self.tokenizer.eos,
            pad=self.tokenizer.pad,
            cross_entropy=critical.cross_entropy,
        )

    def _tokenizer(self) -> Tokenizer:
        critical = self.recipe.self_critical
        path = Path(critical.start if critical else self.recipe.out) / "tokenizer.model"
        if path.exists() or critical:
            return Tokenizer.load(path)
        text = [
            flickr8k.normalise(line, language)
            for (split, language), pictures in self.captions.items()
            if split == "train"
            for texts in pictures.values()
            for line in texts
        ]
        tokenizer = Tokenizer.train(
            text, vocabulary=self.recipe.data.vocabulary, languages=self.recipe.data.languages
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tokenizer.to_bytes())
        return tokenizer


def _by_picture(captions: Sequence[flickr8k.Caption], split: str) -> dict[str, list[str]]:
    pictures: dict[str, list[str]] = {}
    for caption in captions:
        if caption.split == split:
            pictures.setdefault(caption.image, []).append(caption.text)
    return pictures


def _card(recipe: CaptionRecipe, metrics: dict[str, float]) -> str:
    table = "\n".join(f"| {name} | {value:.1f} |" for name, value in metrics.items())
    return f"""# Captions in {", ".join(recipe.data.languages)}

{recipe.encoder.backbone} (ImageNet, frozen) and a recurrent decoder with attention (preset
`{recipe.model.preset}`), trained on the Flickr8k training captions, seed {recipe.seed}.

| validation, greedy search | points |
|---|---|
{table}
"""

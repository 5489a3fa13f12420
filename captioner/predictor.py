"""A captioner: pictures in, captions and where the model looked out."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.hub import find
from attention_core.models import Seq2Seq
from attention_core.parts.packed import packed
from attention_core.pieces import PIECES, read_pieces
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig
from attention_core.written import Written
from captioner.backbones import RANDOM, Backbone, load_backbone
from captioner.caption import Caption, told
from captioner.confidence import CaptionConfidence, classes_of, read_confidence
from captioner.efficientnet_lite import EfficientNetLite
from captioner.encoder import PictureEncoder
from captioner.features import features_of
from captioner.folding import fold
from captioner.images import Source, open_picture

BATCH = 16

__all__ = ["BATCH", "Caption", "Captioner", "shipped"]


class Captioner:
    """A model with its tokenizer, captioning in the languages that it was trained for.

    It keeps no state between calls, so threads may share it.
    """

    def __init__(
        self,
        model: Seq2Seq,
        tokenizer: Tokenizer,
        search: SearchConfig,
        size: int,
        pieces: Mapping[str, Sequence[int]] | None = None,
        confidence: CaptionConfidence | None = None,
    ) -> None:
        """``pieces`` are the ids that each language is written with, so that a model of several
        keeps to one; without them, any may come.
        """
        self.confidence = confidence
        self.model = model
        self.tokenizer = tokenizer
        self.search = search
        self.size = size
        self.written = Written(pieces or {}, tokenizer)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Captioner:
        """The captioner of a checkpoint; without a path, the one that ships.

        Raises UserError when the checkpoint is missing, damaged, or of another task.
        """
        from captioner import TASK
        from captioner.learner import CaptionRecipe
        from captioner.model import build_model

        saved = checkpoint.read(path or TASK.shipped).of(TASK.name)
        tokenizer = Tokenizer.load(saved.path / "tokenizer.model")
        try:
            recipe = from_dict(CaptionRecipe, saved.config)
            seen = recipe.encoder
            backbone = load_backbone(
                seen.backbone, size=seen.size, weights=RANDOM, levels=seen.levels
            )
            model = build_model(recipe.model, tokenizer.size, backbone, seen.labels)
        except (ValueError, RuntimeError) as error:  # sizes that no model can have, or no memory
            raise UserError(f"{saved.path / checkpoint.CONFIG} is damaged: {error}") from None
        checkpoint.load_into(model, saved)
        pieces = read_pieces(saved, tokenizer) if (saved.path / PIECES).exists() else None
        tokenizer = tokenizer.speaking(pieces or tokenizer.languages)
        return cls(
            model.eval(), tokenizer, recipe.search, seen.size, pieces, read_confidence(saved)
        )

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path) -> Captioner:
        """The captioner of a folder, or of a repository "owner/name" of the Hugging Face hub.

        Raises UserError as ``load`` does, or where the hub can't be reached or has none.
        """
        return cls.load(find(path_or_repo))

    def prepared(self, *, fast: bool = False) -> Captioner:
        """The same captioner for this processor and for use alone: its weights laid out
        (``packed``) and its normalisations folded, the captions the same.

        ``fast`` computes the network that sees in bfloat16 where that is sooner, and rounds the
        other weights to 8 bits: a quarter to a half less time. What it costs is in
        ``docs/performance.md``.
        """
        other = copy.copy(self)
        other.model = packed(self.model, int8=fast)
        encoder = other.model.encoder
        assert isinstance(encoder, PictureEncoder)
        fold(encoder.backbone, half=fast)
        other.written = self.written.laid_out(other.model.decoder)
        return other

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can caption in."""
        return self.tokenizer.languages

    def caption(
        self,
        pictures: Sequence[Source],
        *,
        language: str = "en",
        beam: int | None = None,
        nbest: int = 1,
    ) -> list[Caption]:
        """The best caption of each picture, with ``nbest`` - 1 alternatives.

        A picture is whatever ``open_picture`` takes. ``beam`` None is the checkpoint's own width.
        Raises UserError for an unknown language, or a picture that can't be read.
        """
        self.tokenizer.begin(language)
        found: list[Caption] = []
        for start in range(0, len(pictures), BATCH):
            batch = self.tensors([open_picture(x) for x in pictures[start : start + BATCH]])
            found += self.caption_features(batch, language=language, beam=beam, nbest=nbest)
        return found

    def tensors(self, pictures: Sequence[Image.Image]) -> Tensor:
        """RGB pictures as the encoder takes them: (B, 3, size, size)."""
        return torch.stack([self.backbone.picture(each, self.size) for each in pictures])

    def caption_features(
        self, source: Tensor, *, language: str, beam: int | None = None, nbest: int = 1
    ) -> list[Caption]:
        """As ``caption``, of pictures as tensors (B, 3, H, W) or of their features (B, S, F)."""
        width = max(beam or self.search.beam, nbest)
        source = source.to(self.model.device)
        features = features_of(self.backbone, source) if source.dim() == 4 else source
        ranked = self.hypotheses(features, language=language, width=width)
        captions = [self.told(each[:nbest], language) for each in ranked]
        return self.assessed(captions, features, ranked, language)

    def assessed(
        self,
        captions: Sequence[Caption],
        features: Tensor,
        ranked: Sequence[Sequence[Hypothesis]],
        language: str,
    ) -> list[Caption]:
        """Captions with their confidence, as they are where the model has none.

        ``features`` (B, S, F) are those of the pictures, ``ranked`` what search found for each.
        """
        if self.confidence is None or not isinstance(self.backbone, EfficientNetLite):
            return list(captions)
        with torch.inference_mode():
            classes = classes_of(self.backbone, features)
        return [
            replace(c, confidence=self.confidence.expected(seen, best, c.text, language))
            for c, seen, (best, *_) in zip(captions, classes, ranked, strict=True)
        ]

    def hypotheses(self, source: Tensor, *, language: str, width: int) -> list[list[Hypothesis]]:
        """What beam search finds for each source, best first."""
        found: list[list[Hypothesis]] = []
        for chunk in source.split(4 * BATCH):
            with torch.inference_mode():
                memory, state = self.model.remember(chunk)
                found += self.written.search(
                    language, self.search, self.model.decoder, memory, state, width=width
                )
        return found

    def told(self, ranked: Sequence[Hypothesis], language: str) -> Caption:
        """The caption that the best hypothesis spells, with the others as alternatives."""
        sentinel = self.model.decoder.sentinel is not None
        return told(ranked, self.tokenizer, language, sentinel=sentinel, labels=self.labels)

    @property
    def labels(self) -> int:
        """How many of the classifier's labels the decoder is told."""
        return self._encoder.labels.most if self._encoder.labels else 0

    @property
    def backbone(self) -> Backbone:
        """The network that sees."""
        return self._encoder.backbone

    @property
    def _encoder(self) -> PictureEncoder:
        encoder = self.model.encoder
        assert isinstance(encoder, PictureEncoder)
        return encoder


@cache
def _load() -> Captioner:
    return Captioner.load().prepared()


_loading = threading.Lock()


def shipped() -> Captioner:
    """The captioner that ships, loaded once, whichever thread asks first."""
    with _loading:
        return _load()

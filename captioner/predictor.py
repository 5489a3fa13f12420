"""A captioner: pictures in, captions and where the model looked out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.models import Seq2Seq
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig
from captioner.backbones import RANDOM, load_backbone
from captioner.encoder import PictureEncoder

BATCH = 16


@dataclass(frozen=True)
class Caption:
    """A caption, and for each of its words how much the decoder looked at each grid cell.

    A model with a sentinel may look away from the picture, β of its attention (Lu et al. 2017,
    §2.3); ``looked`` is the rest, how much it looked at the picture at all.
    """

    text: str
    score: float  # mean log-probability of a token, in nats
    tokens: list[str]  # words
    attention: list[list[list[float]]]  # for each word a grid, rows from the top, sum at most 1
    looked: list[float] | None = None  # for each word 1 - β, where the model has a sentinel
    alternatives: tuple[Caption, ...] = ()  # the next best, best first


class Captioner:
    """A model with its tokenizer, captioning in the languages that it was trained for.

    It keeps no state between calls, so threads may share it.
    """

    def __init__(
        self, model: Seq2Seq, tokenizer: Tokenizer, search: SearchConfig, size: int
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.search = search
        self.size = size

    @classmethod
    def load(cls, path: str | Path | None = None) -> Captioner:
        """The captioner of a checkpoint; without a path, the one that ships.

        Raises UserError when the checkpoint is missing, damaged, or of another task.
        """
        from captioner import TASK
        from captioner.learner import CaptionRecipe
        from captioner.model import build_model

        saved = checkpoint.read(path or TASK.shipped)
        if saved.task != TASK.name:
            raise UserError(f"{saved.path} is a checkpoint of the task {saved.task!r}, not caption")
        tokenizer = Tokenizer.load(saved.path / "tokenizer.model")
        try:
            recipe = from_dict(CaptionRecipe, saved.config)
            backbone = load_backbone(
                recipe.encoder.backbone, size=recipe.encoder.size, weights=RANDOM
            )
            model = build_model(recipe.model, tokenizer.size, backbone)
        except (ValueError, RuntimeError) as error:  # sizes that no model can have, or no memory
            raise UserError(f"{saved.path / checkpoint.CONFIG} is damaged: {error}") from None
        checkpoint.load_into(model, saved)
        return cls(model.eval(), tokenizer, recipe.search, recipe.encoder.size)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can caption in."""
        return self.tokenizer.languages

    def caption(
        self,
        pictures: Sequence[Image.Image],
        *,
        language: str = "en",
        beam: int | None = None,
        nbest: int = 1,
    ) -> list[Caption]:
        """The best caption of each RGB picture, with ``nbest`` - 1 alternatives.

        ``beam`` None is the checkpoint's own width. Raises UserError for an unknown language.
        """
        self.tokenizer.begin(language)
        found: list[Caption] = []
        for start in range(0, len(pictures), BATCH):
            batch = self.tensors(pictures[start : start + BATCH])
            found += self.caption_features(batch, language=language, beam=beam, nbest=nbest)
        return found

    def tensors(self, pictures: Sequence[Image.Image]) -> Tensor:
        """RGB pictures as the encoder takes them: (B, 3, size, size)."""
        encoder = self.model.encoder
        assert isinstance(encoder, PictureEncoder)
        return torch.stack([encoder.backbone.picture(each, self.size) for each in pictures])

    def caption_features(
        self, source: Tensor, *, language: str, beam: int | None = None, nbest: int = 1
    ) -> list[Caption]:
        """As ``caption``, of pictures as tensors (B, 3, H, W) or of their features (B, S, F)."""
        begin = self.tokenizer.begin(language)
        found: list[Caption] = []
        for chunk in source.split(4 * BATCH):
            with torch.inference_mode():
                memory, state = self.model.remember(chunk)
                hypotheses = self.search.run(
                    self.model.decoder.step,
                    memory,
                    state,
                    begin=torch.full((len(chunk),), begin),
                    end=self.tokenizer.eos,
                    width=max(beam or self.search.beam, nbest),
                )
            for ranked in hypotheses:
                best, *rest = [self._caption(h, language) for h in ranked[:nbest]]
                found.append(replace(best, alternatives=tuple(rest)))
        return found

    def _caption(self, hypothesis: Hypothesis, language: str) -> Caption:
        words = [w for w in self.tokenizer.words(hypothesis.tokens) if w[0] != "</s>"]
        grids: list[list[list[float]]] = []
        looked: list[float] | None = None
        if hypothesis.weights is not None:
            side = round(hypothesis.weights.size(1) ** 0.5)
            each = [hypothesis.weights[where].mean(0) for _, where in words]
            grids = [weights.view(side, side).tolist() for weights in each]
            if self.model.decoder.sentinel is not None:
                looked = [float(weights.sum()) for weights in each]
        return Caption(
            text=present(self.tokenizer.decode(hypothesis.tokens), language),
            score=hypothesis.log_probability / len(hypothesis.tokens),
            tokens=[word for word, _ in words],
            attention=grids,
            looked=looked,
        )


def present(text: str, language: str) -> str:
    """A caption as one writes it: with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("。" if language == "zh" else ".")


_load = cache(Captioner.load)
_loading = threading.Lock()


def shipped() -> Captioner:
    """The captioner that ships, loaded once, whichever thread asks first."""
    with _loading:
        return _load()

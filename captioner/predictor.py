"""A captioner: pictures in, captions and where the model looked out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.hub import find
from attention_core.models import Seq2Seq
from attention_core.parts.types import DecoderState, Memory
from attention_core.pieces import PIECES, read_pieces
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis, Step, restricted
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig
from captioner.backbones import RANDOM, load_backbone
from captioner.caption import Caption, told
from captioner.encoder import PictureEncoder

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
    ) -> None:
        """``pieces`` are the ids that each language is written with, so that a model of several
        keeps to one; without them, any may come.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.search = search
        self.size = size
        self._allowed = {
            language: torch.isin(torch.arange(tokenizer.size), torch.tensor(ids))
            for language, ids in (pieces or {}).items()
        }

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
            seen = recipe.encoder
            backbone = load_backbone(
                seen.backbone, size=seen.size, weights=RANDOM, levels=seen.levels
            )
            model = build_model(recipe.model, tokenizer.size, backbone, seen.labels)
        except (ValueError, RuntimeError) as error:  # sizes that no model can have, or no memory
            raise UserError(f"{saved.path / checkpoint.CONFIG} is damaged: {error}") from None
        checkpoint.load_into(model, saved)
        pieces = read_pieces(saved, tokenizer) if (saved.path / PIECES).exists() else None
        return cls(model.eval(), tokenizer, recipe.search, seen.size, pieces)

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path) -> Captioner:
        """The captioner of a folder, or of a repository "owner/name" of the Hugging Face hub.

        Raises UserError as ``load`` does, or where the hub can't be reached or has none.
        """
        return cls.load(find(path_or_repo))

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

    def step(self, language: str) -> Step[Memory, DecoderState]:
        """The decoder's step, over what the language is written with."""
        step = self.model.decoder.step
        allowed = self._allowed.get(language)
        return step if allowed is None else restricted(step, allowed)

    def tensors(self, pictures: Sequence[Image.Image]) -> Tensor:
        """RGB pictures as the encoder takes them: (B, 3, size, size)."""
        encoder = self.model.encoder
        assert isinstance(encoder, PictureEncoder)
        return torch.stack([encoder.backbone.picture(each, self.size) for each in pictures])

    def caption_features(
        self, source: Tensor, *, language: str, beam: int | None = None, nbest: int = 1
    ) -> list[Caption]:
        """As ``caption``, of pictures as tensors (B, 3, H, W) or of their features (B, S, F)."""
        width = max(beam or self.search.beam, nbest)
        ranked = self.hypotheses(source, language=language, width=width)
        return [self.told(each[:nbest], language) for each in ranked]

    def hypotheses(self, source: Tensor, *, language: str, width: int) -> list[list[Hypothesis]]:
        """What beam search finds for each source, best first."""
        begin = self.tokenizer.begin(language)
        found: list[list[Hypothesis]] = []
        for chunk in source.split(4 * BATCH):
            with torch.inference_mode():
                memory, state = self.model.remember(chunk)
                found += self.search.run(
                    self.step(language),
                    memory,
                    state,
                    begin=torch.full((len(chunk),), begin),
                    end=self.tokenizer.eos,
                    width=width,
                )
        return found

    def told(self, ranked: Sequence[Hypothesis], language: str) -> Caption:
        """The caption that the best hypothesis spells, with the others as alternatives."""
        sentinel = self.model.decoder.sentinel is not None
        return told(ranked, self.tokenizer, language, sentinel=sentinel, labels=self.labels)

    @property
    def labels(self) -> int:
        """How many of the classifier's labels the decoder is told."""
        encoder = self.model.encoder
        assert isinstance(encoder, PictureEncoder)
        return encoder.labels.most if encoder.labels else 0


_load = cache(Captioner.load)
_loading = threading.Lock()


def shipped() -> Captioner:
    """The captioner that ships, loaded once, whichever thread asks first."""
    with _loading:
        return _load()

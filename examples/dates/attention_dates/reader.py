"""A reader of dates: text in, date and alignment out."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from attention_core import Seq2Seq, UserError, checkpoint
from attention_core.errors import nearest
from attention_core.recipe import from_dict
from attention_core.training import SearchConfig, pad
from attention_dates.model import BEGIN, END, PAD, build_model, decode, encode
from attention_dates.writing import SPLITS, examples

BATCH = 100
SCORED = 2000  # writings of a split
SURE = 0.95


@dataclass(frozen=True)
class Reading:
    """What the model makes of a text, and where it looked for each character."""

    text: str
    iso: str
    probability: float
    alignment: list[list[float]]  # a row for each character of ``iso``, a column of ``text``

    def date(self) -> datetime.date:
        """The date. Raises UserError where the model is unsure, or there is no such day."""
        try:
            found = datetime.date.fromisoformat(self.iso)
        except ValueError:
            raise UserError(f"{self.text!r} reads as {self.iso}, which is no day") from None
        if self.probability < SURE:
            raise UserError(f"{self.text!r} is no date that the model can read with certainty")
        return found


class DateReader:
    """A model that reads dates. It keeps no state between calls, so threads may share it."""

    def __init__(self, model: Seq2Seq, search: SearchConfig) -> None:
        self.model = model
        self.search = search

    @classmethod
    @cache
    def load(cls, path: Path) -> DateReader:
        """The reader of a checkpoint. Raises UserError where there is none of this task."""
        from attention_dates.learner import DatesRecipe

        saved = checkpoint.read(path).of("dates")
        recipe = from_dict(DatesRecipe, saved.config)
        model = build_model(recipe.model)
        checkpoint.load_into(model, saved)
        return cls(model.eval(), recipe.search)

    @torch.inference_mode()
    def read(self, texts: Sequence[str], beam: int | None = None) -> list[Reading]:
        """What each text says; ``beam`` None is the checkpoint's own width."""
        source = pad([encode(text) for text in texts], PAD)
        memory, state = self.model.remember(source, source != PAD)
        begin = torch.full((len(texts),), BEGIN)
        step = self.model.decoder.step
        found = self.search.run(step, memory, state, begin=begin, end=END, width=beam)
        readings = []
        for text, (best, *_) in zip(texts, found, strict=True):
            iso = decode(best.tokens)
            assert best.weights is not None
            looked = best.weights[: len(iso), : len(text)].tolist()
            readings.append(Reading(text, iso, math.exp(best.log_probability), looked))
        return readings

    def score(self, split: str, beam: int | None) -> dict[str, float]:
        """How many of a split's writings are read exactly, in percent."""
        if split not in SPLITS:
            raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
        pairs = sorted(examples(split, SCORED, seed=0), key=lambda pair: len(pair[0]))
        right = 0
        for start in range(0, SCORED, BATCH):
            texts, dates = zip(*pairs[start : start + BATCH], strict=True)
            found = [reading.iso for reading in self.read(texts, beam)]
            right += sum(a == b for a, b in zip(found, dates, strict=True))
        return {"exact": 100 * right / SCORED, "writings": SCORED}

"""Who answers: text and the turn before in, answer out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import torch

from attention_core import Seq2Seq, Tokenizer, UserError, checkpoint
from attention_core.errors import nearest
from attention_core.recipe import from_dict
from attention_core.training import SearchConfig, pad
from attention_dialogue.corpus import SPLITS, Question, exchange, questions, said

BATCH = 100
LONGEST = 500  # characters


class Speaker:
    """A model that converses. It keeps no state between calls, so threads may share it."""

    def __init__(self, model: Seq2Seq, tokenizer: Tokenizer, search: SearchConfig) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.search = search

    @classmethod
    @cache
    def load(cls, path: Path) -> Speaker:
        """The speaker of a checkpoint. Raises UserError where there is none of this task."""
        from attention_dialogue.learner import ChatRecipe, build_model

        saved = checkpoint.read(path).of("chat")
        recipe = from_dict(ChatRecipe, saved.config)
        tokenizer = Tokenizer.from_bytes(saved.file("tokenizer.model"))
        model = build_model(recipe.model, tokenizer.size)
        checkpoint.load_into(model, saved)
        return cls(model.eval(), tokenizer, recipe.search)

    def answer(self, text: str, before: str = "") -> str:
        """The answer to a text, after the turn ``before`` (see ``corpus.turn``).

        Raises UserError for a text without words or too long.
        """
        if not said(text) or len(text) > LONGEST:
            raise UserError(f"say something in 1 to {LONGEST} characters, got {text[:20]!r}")
        (found,) = self.answers([said(text, before)])
        return found

    @torch.inference_mode()
    def answers(self, heard: Sequence[str], beam: int | None = None) -> list[str]:
        """The answer to each of what ``corpus.said`` gives."""
        source = pad([[*self.tokenizer.encode(text), self.tokenizer.eos] for text in heard], 0)
        memory, state = self.model.remember(source, source != self.tokenizer.pad)
        begin = torch.full((len(heard),), self.tokenizer.begin("en"))
        step, end = self.model.decoder.step, self.tokenizer.eos
        found = self.search.run(step, memory, state, begin=begin, end=end, width=beam)
        return [self.tokenizer.decode(best.tokens) for best, *_ in found]

    def scores(self, split: str, beam: int | None) -> dict[str, dict[str, float]]:
        """How many questions of each sort are answered exactly, in percent.

        Raises UserError for an unknown split.
        """
        if split not in SPLITS:
            raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
        groups: dict[str, list[Question]] = {"questions": [], "follow-ups": []}
        for question in questions()[split]:
            groups["questions" if question.kind == "asks" else "follow-ups"].append(question)
        groups["made-up words"] = [
            question.unknown(Random(n)) for n, question in enumerate(groups["questions"])
        ]
        if split == "test":
            groups["new forms"] = questions()["new"]
        return {name: self._score(group, beam) for name, group in groups.items()}

    def _score(self, group: list[Question], beam: int | None) -> dict[str, float]:
        random = Random(0)
        pairs = [exchange(question, random) for question in group]
        pairs.sort(key=lambda pair: len(pair[0]))
        right = 0
        for start in range(0, len(pairs), BATCH):
            heard, answers = zip(*pairs[start : start + BATCH], strict=True)
            right += sum(map(str.__eq__, self.answers(heard, beam), answers))
        return {"exact": round(100 * right / len(pairs), 2), "count": len(pairs)}

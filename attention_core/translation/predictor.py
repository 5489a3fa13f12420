"""A translator: text in, translations with their alignments out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.models import Seq2Seq
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis, beam_search
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig, pad
from attention_core.translation.sentences import sentences

BATCH = 32
LONGEST_SENTENCE = 200  # tokens


@dataclass(frozen=True)
class Translation:
    """A translation and where the decoder looked for each of its words."""

    source: str
    text: str
    score: float  # mean log-probability of a token, in nats
    source_tokens: list[str]  # words; "</s>" ends a sentence
    tokens: list[str]
    alignment: list[list[float]]  # a row for each of ``tokens``: its weight on each source token
    alternatives: tuple[Translation, ...] = ()  # the next best, best first


class Translator:
    """A model with its tokenizer, translating into the languages that it was trained for.

    It keeps no state between calls, so threads may share it.
    """

    def __init__(self, model: Seq2Seq, tokenizer: Tokenizer, search: SearchConfig) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.search = search

    @classmethod
    def load(cls, path: str | Path | None = None) -> Translator:
        """The translator of a checkpoint; without a path, the one that ships.

        Raises UserError when the checkpoint is missing, damaged, or of another task.
        """
        from attention_core.translation import TASK
        from attention_core.translation.learner import TranslateRecipe
        from attention_core.translation.model import build_model

        saved = checkpoint.read(path or TASK.shipped)
        if saved.task != TASK.name:
            raise UserError(
                f"{saved.path} is a checkpoint of the task {saved.task!r}, not translate"
            )
        recipe = from_dict(TranslateRecipe, saved.config)
        tokenizer = Tokenizer.from_bytes(saved.file("tokenizer.model"))
        model = build_model(recipe.model, tokenizer.size)
        checkpoint.load_into(model, saved)
        return cls(model.eval(), tokenizer, recipe.search)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can translate into."""
        return self.tokenizer.languages

    def translate(
        self, texts: Sequence[str], *, to: str, beam: int | None = None, nbest: int = 1
    ) -> list[Translation]:
        """The best translation of each text, with ``nbest`` - 1 alternatives.

        A text of several sentences is translated sentence by sentence and joined; its k-th best
        joins the k-th best of each. ``beam`` None is the checkpoint's own width.

        Raises UserError for an unknown language or a text that ``sentences`` refuses.
        """
        begin = self.tokenizer.begin(to)
        width = max(beam or self.search.beam, nbest)
        parts = [sentences(text) for text in texts]
        flat = [piece for text in parts for piece in text]
        ids = [[*self.tokenizer.encode(piece), self.tokenizer.eos] for piece in flat]
        for piece, tokens in zip(flat, ids, strict=True):
            if len(tokens) > LONGEST_SENTENCE:
                raise UserError(
                    f"a sentence has {len(tokens)} tokens and at most {LONGEST_SENTENCE} go in one:"
                    f" split it, from “{piece[:30]}…”"
                )
        found = self._search(ids, begin, width)
        translations = []
        done = 0
        for text, pieces in zip(texts, parts, strict=True):
            here = range(done, done + len(pieces))
            done += len(pieces)
            ranked = [
                self._joined(
                    text, [(ids[i], found[i][min(k, len(found[i]) - 1)]) for i in here], to
                )
                for k in range(min(nbest, max(len(found[i]) for i in here)))
            ]
            best, *rest = ranked
            translations.append(Translation(**{**vars(best), "alternatives": tuple(rest)}))
        return translations

    def _search(self, ids: list[list[int]], begin: int, width: int) -> list[list[Hypothesis]]:
        """Beam search, sentences of like length in one batch."""
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found: list[list[Hypothesis]] = [[] for _ in ids]
        for start in range(0, len(order), BATCH):
            chunk = order[start : start + BATCH]
            tokens = pad([ids[i] for i in chunk], self.tokenizer.pad)
            with torch.inference_mode():
                memory, state = self.model.remember(tokens, tokens != self.tokenizer.pad)
                hypotheses = beam_search(
                    self.model.decoder.step,
                    memory,
                    state,
                    begin=torch.full((len(chunk),), begin),
                    end=self.tokenizer.eos,
                    max_length=min(2 * tokens.size(1) + 10, self.search.max_length),
                    width=width,
                    length_penalty=self.search.length_penalty,
                )
            for i, ranked in zip(chunk, hypotheses, strict=True):
                found[i] = ranked
        return found

    def _joined(
        self, text: str, parts: list[tuple[list[int], Hypothesis]], language: str
    ) -> Translation:
        joint = "" if language == "zh" else " "
        sources: list[str] = []
        words: list[str] = []
        blocks = []
        for ids, hypothesis in parts:
            source = self.tokenizer.words(ids)
            target = [w for w in self.tokenizer.words(hypothesis.tokens) if w[0] != "</s>"]
            sources += [word for word, _ in source]
            words += [word for word, _ in target]
            blocks.append(_merged(hypothesis.weights, target, source))
        log_probability = sum(h.log_probability for _, h in parts)
        length = sum(len(h.tokens) for _, h in parts)
        return Translation(
            source=text,
            text=joint.join(self.tokenizer.decode(h.tokens) for _, h in parts),
            score=log_probability / length,
            source_tokens=sources,
            tokens=words,
            alignment=torch.block_diag(*blocks).tolist() if blocks else [],
        )


_load = cache(Translator.load)
_loading = threading.Lock()


def shipped() -> Translator:
    """The translator that ships, loaded once, whichever thread asks first."""
    with _loading:
        return _load()


def _merged(
    weights: Tensor | None,
    target: list[tuple[str, list[int]]],
    source: list[tuple[str, list[int]]],
) -> Tensor:
    """Word alignment of a subword one: mean over a target word's pieces, sum over a source's."""
    if weights is None:
        return torch.zeros(len(target), len(source))
    columns = torch.stack([weights[:, where].sum(1) for _, where in source], 1)
    rows = [columns[where].mean(0) for _, where in target]
    return torch.stack(rows) if rows else columns[:0]

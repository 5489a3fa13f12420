"""A translator: text in, translations with their alignments out."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch

from attention_core import checkpoint
from attention_core.errors import UserError, nearest
from attention_core.hub import find
from attention_core.models import Seq2Seq
from attention_core.parts.packed import packed
from attention_core.pieces import read_pieces
from attention_core.recipe import from_dict
from attention_core.search import Hypothesis
from attention_core.tokenizer import Tokenizer
from attention_core.training import SearchConfig, pad
from attention_core.translation.confidence import Confidence, read_confidence
from attention_core.translation.text import (
    LONGEST_SENTENCE,
    EncodedSentence,
    TextTranslator,
    Translation,
)
from attention_core.written import Written

__all__ = ["LONGEST_SENTENCE", "EncodedSentence", "Translation", "Translator", "shipped"]


class Translator(TextTranslator):
    """A model with its tokenizer, translating into the languages that it was trained for.

    It keeps no state between calls, so threads may share it.

    >>> Translator.load().languages
    ('zh', 'fr', 'de', 'cs')
    """

    def __init__(
        self,
        model: Seq2Seq,
        tokenizer: Tokenizer,
        search: SearchConfig,
        pieces: Mapping[str, Sequence[int]],
        *,
        stand_ins: bool = False,
        confidence: Confidence | None = None,
    ) -> None:
        """``pieces`` are the ids that each language is written with: it is given no others, so
        that a model of several languages keeps to one.
        """
        super().__init__(tokenizer, beam=search.beam, stand_ins=stand_ins, confidence=confidence)
        self.model = model
        self.search = search
        self.written = Written(pieces, tokenizer)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Translator:
        """The translator of a checkpoint; without a path, the one that ships.

        Raises UserError when the checkpoint is missing, damaged, or of another task.
        """
        from attention_core.translation import TASK
        from attention_core.translation.learner import TranslateRecipe
        from attention_core.translation.model import build_model

        saved = checkpoint.read(path or TASK.shipped).of(TASK.name)
        tokenizer = Tokenizer.load(saved.path / "tokenizer.model")
        try:
            recipe = from_dict(TranslateRecipe, saved.config)
            model = build_model(recipe.model, tokenizer.size)
        except (ValueError, RuntimeError) as error:  # sizes that no model can have, or no memory
            raise UserError(f"{saved.path / checkpoint.CONFIG} is damaged: {error}") from None
        checkpoint.load_into(model, saved)
        pieces = read_pieces(saved, tokenizer)
        tokenizer = tokenizer.speaking(pieces)
        return cls(
            model.eval(),
            tokenizer,
            recipe.search,
            pieces,
            stand_ins=bool(recipe.data.stand_ins),
            confidence=read_confidence(saved, tokenizer),
        )

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path) -> Translator:
        """The translator of a folder, or of a repository "owner/name" of the Hugging Face hub.

        Raises UserError as ``load`` does, or where the hub can't be reached or has none.
        """
        return cls.load(find(path_or_repo))

    def prepared(self, *, fast: bool = False) -> Translator:
        """The same translator for this processor and for use alone: its weights laid out
        (``packed``), the translations the same.

        ``fast`` rounds the weights to 8 bits: a quarter less time, within 0.3 BLEU on Multi30k
        val into German (``docs/performance.md``).
        """
        other = copy.copy(self)
        other.model = packed(self.model, int8=fast)
        other.written = self.written.laid_out(other.model.decoder)
        return other

    def search_batch(
        self, ids: list[list[int]], *, to: str, width: int, max_length: int
    ) -> list[list[Hypothesis]]:
        tokens = pad(ids, self.tokenizer.pad)
        with torch.inference_mode():
            memory, state = self.model.remember(tokens, tokens != self.tokenizer.pad)
            return self.written.search(
                to,
                self.search,
                self.model.decoder,
                memory,
                state,
                width=width,
                max_length=max_length,
            )


@cache
def _load(path: Path, fast: bool) -> Translator:
    return Translator.load(path).prepared(fast=fast)


_loading = threading.Lock()


def shipped(to: str | None = None, *, fast: bool = False) -> Translator:
    """The translator that ships, ``prepared`` once, whichever thread asks first: the one into
    English for ``to`` "en", else the one out of it.

    Raises UserError for a language that it doesn't translate into.

    >>> shipped() is shipped("fr")
    True
    """
    from attention_core.translation import TASK

    if to is not None and to not in TASK.languages():
        raise UserError(f"Unknown language {to!r}.{nearest(to, TASK.languages())}")
    with _loading:
        return _load(TASK.into_english if to == "en" else TASK.shipped, fast)

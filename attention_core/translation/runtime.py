"""A translator on onnxruntime, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attention_core.checkpoint import Checkpoint
from attention_core.pieces import read_pieces
from attention_core.runtime import Hypothesis, OnnxModel, Runtime
from attention_core.tokenizer import Tokenizer
from attention_core.translation.confidence import read_confidence
from attention_core.translation.text import TextTranslator


class OnnxTranslator(TextTranslator, Runtime):
    """What ``Translator`` does, by an exported model.

    Raises UserError where the folder is damaged or onnxruntime is not installed.

    >>> issubclass(OnnxTranslator, TextTranslator)
    True
    """

    def __init__(self, folder: Checkpoint, threads: int) -> None:
        tokenizer = Tokenizer.load(folder.path / "tokenizer.model")
        pieces = read_pieces(folder, tokenizer)
        tokenizer = tokenizer.speaking(pieces)
        self.model = OnnxModel(folder, threads)
        super().__init__(
            tokenizer,
            beam=self.model.search.beam,
            stand_ins=bool(self.model.settings.get("stand_ins")),
            confidence=read_confidence(folder, tokenizer),
        )
        self._allowed = {
            language: np.isin(np.arange(tokenizer.size), ids) for language, ids in pieces.items()
        }

    def search_batch(
        self, ids: list[list[int]], *, to: str, width: int, max_length: int
    ) -> list[list[Hypothesis]]:
        tokens = np.full((len(ids), max(map(len, ids))), self.tokenizer.pad)
        for row, each in zip(tokens, ids, strict=True):
            row[: len(each)] = each
        return self.model.run(
            {"source": tokens, "source_valid": tokens != self.tokenizer.pad},
            begin=np.full(len(ids), self.tokenizer.begin(to)),
            width=width,
            max_length=max_length,
            allowed=self._allowed[to],
        )

    def lines(self, inputs: Sequence[str], language: str) -> list[str]:
        """The translation of each text."""
        return [found.text for found in self.translate(inputs, to=language)]

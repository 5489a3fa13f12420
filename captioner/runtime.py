"""A captioner on onnxruntime, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attention_core.checkpoint import Checkpoint
from attention_core.pieces import PIECES, read_pieces
from attention_core.runtime import OnnxModel, Runtime
from attention_core.tokenizer import Tokenizer
from captioner.caption import Caption, told
from captioner.images import Source, open_picture, to_array

BATCH = 16


class OnnxCaptioner(Runtime):
    """What ``Captioner`` does, by an exported model.

    Raises UserError where the folder is damaged or onnxruntime is not installed.
    """

    def __init__(self, folder: Checkpoint, threads: int = 0) -> None:
        self.tokenizer = Tokenizer.load(folder.path / "tokenizer.model")
        self.model = OnnxModel(folder, threads)
        pieces = {}
        if (folder.path / PIECES).exists():
            pieces = read_pieces(folder, self.tokenizer)
            self.tokenizer = self.tokenizer.speaking(pieces)
        self._allowed = {
            language: np.isin(np.arange(self.tokenizer.size), ids)
            for language, ids in pieces.items()
        }

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

        A picture is anything that ``open_picture`` takes. ``beam`` None is the checkpoint's own
        width. Raises UserError for an unknown language or what is no picture.
        """
        begin = self.tokenizer.begin(language)
        settings = self.model.settings
        look = settings["size"], _normal(settings["mean"]), _normal(settings["std"])
        found: list[Caption] = []
        for start in range(0, len(pictures), BATCH):
            batch = [open_picture(each) for each in pictures[start : start + BATCH]]
            hypotheses = self.model.run(
                {"pictures": np.stack([to_array(each, *look) for each in batch])},
                begin=np.full(len(batch), begin),
                width=max(beam or self.model.search.beam, nbest),
                allowed=self._allowed.get(language),
            )
            for ranked in hypotheses:
                found.append(
                    told(
                        ranked[:nbest],
                        self.tokenizer,
                        language,
                        sentinel=settings["sentinel"],
                        labels=settings.get("labels", 0),
                    )
                )
        return found

    def lines(self, inputs: Sequence[str], language: str) -> list[str]:
        """The caption of each picture's path."""
        return [found.text for found in self.caption(inputs, language=language)]


def _normal(value: float | list[float]) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, list) else value

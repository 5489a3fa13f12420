"""CIDEr-D as the reward of self-critical training."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from attention_core.tokenizer import Tokenizer
from attention_core.training.self_critical import Sequences
from captioner.cider import Cider, Vector
from captioner.metrics import approximate_ptb, segmented

END = "</s>"  # counted as a word, so that a caption that breaks off is worth less


class CiderReward:
    """CIDEr-D of sampled captions against a picture's references, both as ids.

    ``corpus`` is the training captions of each picture, for the document frequencies; those in
    Chinese are counted by the words of jieba, which are its pieces too.
    """

    def __init__(self, corpus: Iterable[Sequence[str]], tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.cider = Cider(
            [f"{line} {END}" for line in approximate_ptb([segmented(text) for text in texts])]
            for texts in corpus
        )

    def __call__(self, drawn: Sequences, expected: Sequences) -> Tensor:
        """Rewards (B, N) of N samples for each of B pictures."""
        return torch.tensor(
            [
                [self.cider.score(caption, references) for caption in self._vectors(captions)]
                for captions, references in zip(drawn, map(self._vectors, expected), strict=True)
            ]
        )

    def _vectors(self, captions: list[list[int]]) -> list[Vector]:
        lines = approximate_ptb([segmented(self.tokenizer.decode(ids)) for ids in captions])
        ends = [f" {END}" if ids[-1] == self.tokenizer.eos else "" for ids in captions]
        return [self.cider.vector(line + end) for line, end in zip(lines, ends, strict=True)]

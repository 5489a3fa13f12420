"""BLEU of a sentence as the reward of self-critical training."""

from collections.abc import Iterable

import torch
from torch import Tensor

from attention_core.tokenizer import Tokenizer
from attention_core.training.self_critical import Sequences
from attention_core.translation.evaluation import bleu_tokenizer


class BleuReward:
    """Sentence BLEU, 0 to 1, of sampled translations against their references, both as ids.

    Precisions of n-grams that a short sentence lacks are left out, and those of nought smoothed
    (Chen and Cherry 2014, method 3), as sacreBLEU does; an output that does not end is worth 0.

    >>> tokenizer = Tokenizer.train(["a cat sat on a mat"] * 9, vocabulary=275, languages=["es"])
    >>> same = [*tokenizer.encode("a cat sat on a mat"), tokenizer.eos]
    >>> BleuReward(tokenizer, ["es"])([[same, same[:-1]]], [[same]])
    tensor([[1., 0.]])
    """

    def __init__(self, tokenizer: Tokenizer, languages: Iterable[str]) -> None:
        """``languages`` are those of the translations: where one has no spaces between words, its
        tokenizer serves for all, as sacreBLEU's for Chinese does for others."""
        from sacrebleu.metrics import BLEU

        self.tokenizer = tokenizer
        found = sorted({*map(bleu_tokenizer, languages)} - {"13a"})
        self._bleu = BLEU(effective_order=True, tokenize=found[-1] if found else "13a")

    def __call__(self, drawn: Sequences, expected: Sequences) -> Tensor:
        """Rewards (B, N) of N samples for each of B sources."""
        return torch.tensor(
            [
                [self._of(sample, [self.tokenizer.decode(row) for row in rows]) for sample in each]
                for each, rows in zip(drawn, expected, strict=True)
            ]
        )

    def _of(self, sample: list[int], references: list[str]) -> float:
        if sample[-1] != self.tokenizer.eos:
            return 0.0
        score = self._bleu.sentence_score(self.tokenizer.decode(sample), references).score
        return round(score / 100, 6)

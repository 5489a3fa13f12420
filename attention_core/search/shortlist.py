"""Search over a short list of words, known by their places in it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from attention_core.search.hypothesis import Hypothesis
from attention_core.search.step import M, S, Step

# tokens (R,), memory, state, words (n,) -> logits (R, n) of the words, the next state, weights
WordsStep: TypeAlias = Callable[[Tensor, M, S, Any], tuple[Tensor, S, Tensor | None]]


class Shortlist:
    """p(y | y ∈ words, …) as ``restricted`` has it, scoring no other word: the last matrix product,
    the softmax and the ranking are the smaller for it. Jean et al. 2014, §3.2 (candidate lists).

    The search knows the words by their places in the list, and ``begin`` by the place behind them.

    >>> words = torch.tensor([2, 5, 7])
    >>> def step(tokens, memory, state, words):  # the word after n is n + 2
    ...     return 0.0 - (words - tokens[:, None] - 2).abs(), state, None
    >>> short = Shortlist(words, begin=3)
    >>> short.step(step)(torch.tensor([short.begin]), None, None)[0]  # after 3 comes 5
    tensor([[-3.,  0., -2.]])
    >>> short.place(7), short.restored(Hypothesis([1, 2], [-0.1, 0.0], -0.1, None, True)).tokens
    (2, [5, 7])
    """

    def __init__(self, words: Tensor, begin: int) -> None:
        self.words = words
        self.begin = words.numel()
        self._known = torch.cat([words, words.new_tensor([begin])])

    def to(self, device: torch.device) -> "Shortlist":
        """The same list on a device, itself where it is there."""
        if self.words.device == device:
            return self
        return Shortlist(self.words.to(device), int(self._known[-1]))

    def place(self, word: int) -> int:
        """Where a word is in the list. Raises ValueError where it is not."""
        found = (self.words == word).nonzero()
        if not found.numel():
            raise ValueError(f"word: expected one of the list's {self.begin}, got {word}")
        return int(found[0])

    def step(self, step: WordsStep[M, S], listed: object = None) -> Step[M, S]:
        """The step by places of a step by words that can score some of them alone.

        It is given the words, or what stands for them, such as ``decoder.listed(words)``.
        """
        words = self.words if listed is None else listed

        def short_step(tokens: Tensor, memory: M, state: S) -> tuple[Tensor, S, Tensor | None]:
            return step(self._known[tokens], memory, state, words)

        return short_step

    def restored(self, found: Hypothesis) -> Hypothesis:
        """The hypothesis in words."""
        return replace(found, tokens=self.ids(found.tokens))

    def ids(self, places: list[int]) -> list[int]:
        """The words at some places."""
        return self._known[places].tolist()

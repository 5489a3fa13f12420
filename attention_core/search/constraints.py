"""What an output must look like: constraints that greedy search, beam and sampling share.

A constraint forbids words, given the tokens so far. Any function
``(prefixes (B, N, t), logits (B, N, W)) -> logits`` with -∞ where a word is forbidden is one: B
sources, N rows of each, t tokens so far, the first (begin) token not counted. A search may call
it with rows that it has given up, whose prefixes need not keep to any constraint.

A constraint excludes and does not renormalise: the log-probabilities that a search reports stay
the model's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Constraint: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MinimumLength:
    """No ``end`` before ``length`` tokens; the end counts, as it does in ``max_length``.

    Raises ValueError where ``length`` is below 1.

    >>> MinimumLength(2, end=0)(torch.empty(1, 1, 0), torch.zeros(1, 1, 3))
    tensor([[[-inf, 0., 0.]]])
    """

    length: int
    end: int

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length: expected at least 1, got {self.length}")

    def __call__(self, prefixes: Tensor, logits: Tensor) -> Tensor:
        if prefixes.size(-1) + 1 >= self.length:
            return logits
        word = torch.arange(logits.size(-1), device=logits.device)
        return logits.masked_fill(word == self.end, -torch.inf)


@dataclass(frozen=True)
class NoRepeatedNgram:
    """No ``size`` tokens in a row come twice. Paulus et al. 2018, §2.5.

    Raises ValueError where ``size`` is below 1.

    >>> NoRepeatedNgram(2)(torch.tensor([[[1, 2, 1]]]), torch.zeros(1, 1, 4))  # 1 2 came already
    tensor([[[0., 0., -inf, 0.]]])
    """

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size: expected at least 1, got {self.size}")

    def __call__(self, prefixes: Tensor, logits: Tensor) -> Tensor:
        length = prefixes.size(-1)
        if length < self.size:
            return logits
        before = prefixes.unfold(-1, self.size, 1)  # (B, N, t - n + 1, n)
        last = prefixes[..., None, length - self.size + 1 :]  # (B, N, 1, n - 1)
        again = (before[..., :-1] == last).all(-1)
        most = torch.where(again, -torch.inf, torch.inf).to(logits.dtype)
        return logits.scatter_reduce(-1, before[..., -1].long(), most, "amin")


@dataclass(frozen=True)
class BeginsWith:
    """The output of each source begins with its own tokens, of which there may be none.

    Prefix-constrained decoding: Wuebker et al. 2016.

    Raises ValueError where a token is below 0 or out of the vocabulary, or where there is not
    one prefix for each source.

    >>> BeginsWith([[1], []])(torch.empty(2, 1, 0), torch.zeros(2, 1, 3))
    tensor([[[-inf, 0., -inf]],
    <BLANKLINE>
            [[0., 0., 0.]]])
    """

    prefixes: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        least = min((token for prefix in self.prefixes for token in prefix), default=0)
        if least < 0:
            raise ValueError(f"prefixes: expected tokens of at least 0, got {least}")

    def __call__(self, prefixes: Tensor, logits: Tensor) -> Tensor:
        sources, _, length = prefixes.shape
        if len(self.prefixes) != sources:
            raise ValueError(
                f"prefixes: expected one for each of {sources} sources, got {len(self.prefixes)}"
            )
        given = [prefix[length] if length < len(prefix) else -1 for prefix in self.prefixes]
        if max(given) >= logits.size(-1):
            raise ValueError(f"prefixes: expected tokens below {logits.size(-1)}, got {max(given)}")
        only = torch.tensor(given, device=logits.device)[:, None, None]
        word = torch.arange(logits.size(-1), device=logits.device)
        return logits.masked_fill((only >= 0) & (word != only), -torch.inf)


def constrained(constraints: Sequence[Constraint], prefixes: Tensor, logits: Tensor) -> Tensor:
    """Logits (R, W) after every constraint, with prefixes (B, N, t) and R = B·N."""
    allowed: Tensor = logits.unflatten(0, prefixes.shape[:2])
    for constraint in constraints:
        allowed = constraint(prefixes, allowed)
    return allowed.flatten(0, 1)

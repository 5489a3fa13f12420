"""Sampling: a token drawn from the distribution, step by step."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from attention_core.search.arguments import at_least, check
from attention_core.search.constraints import Constraint
from attention_core.search.hypothesis import Hypothesis
from attention_core.search.step import M, S, Step
from attention_core.search.unroll import unroll


def sample(
    step: Step[M, S],
    memory: M,
    state: S,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    samples: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    length_penalty: float = 0.0,
    constraints: Sequence[Constraint] = (),
    generator: torch.Generator | None = None,
) -> list[list[Hypothesis]]:
    """y_t ~ softmax(logits / τ), ``samples`` times for each of B sources, independently.

    ``temperature`` is τ. Of the words that the constraints leave, ``top_k`` and then ``top_p``
    keep the likely ones (see ``truncated``), and one of those is drawn.

    Shapes: begin (B,), state with B rows. Log-probabilities and scores are those of the model
    itself, at τ = 1 and over all words. Where the constraints forbid every word, a sample ends
    there, unfinished. ``generator`` None draws from torch's own.

    Raises ValueError where an argument is out of its range, naming it, and where the first logits
    are not numbers.

    >>> from attention_core.search import EnsembleState
    >>> def step(tokens, memory, state):  # 0 is the end
    ...     return torch.tensor([0.2, 0.3, 0.5]).log().expand(tokens.numel(), 3), state, None
    >>> options = {"begin": torch.tensor([1]), "end": 0, "max_length": 3, "samples": 2}
    >>> found = sample(step, None, EnsembleState(), top_k=1, **options)
    >>> [hypothesis.tokens for hypothesis in found[0]]
    [[2, 2, 2], [2, 2, 2]]
    """
    check(begin, memory, max_length, length_penalty, constraints)
    at_least(1, samples=samples)
    if top_k is not None:
        at_least(1, top_k=top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p: expected above 0 and at most 1, got {top_p}")
    if not temperature > 0:
        raise ValueError(f"temperature: expected above 0, got {temperature}")

    def draw(logits: Tensor) -> Tensor:
        if temperature != 1:  # the largest becomes 0, which no τ makes too large a number
            logits = (logits - logits.amax(-1, keepdim=True)) / temperature
        return drawn(truncated(logits, top_k, top_p).softmax(-1), generator)

    found = unroll(
        step,
        memory,
        state.repeated(samples),
        draw,
        begin=begin,
        rows=samples,
        end=end,
        max_length=max_length,
        length_penalty=length_penalty,
        constraints=constraints,
    )
    return [found[row : row + samples] for row in range(0, len(found), samples)]


def drawn(probabilities: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A token for each row: the first whose cumulative probability exceeds u ~ U[0, 1).

    Shapes: (R, W) -> (R,). One random number for each row, where ``torch.multinomial`` takes one
    for each word.

    >>> drawn(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    tensor([1, 2])
    """
    upto = probabilities.cumsum(-1)
    u = torch.rand(upto.size(0), 1, generator=generator, device=upto.device)
    below = u * upto[:, -1:]  # which is not quite 1
    return torch.searchsorted(upto, below, right=True)[:, 0]


def truncated(logits: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Logits (..., W) with -∞ for all but the likely words; None keeps all.

    ``top_k`` keeps the k most probable (Fan et al. 2018). Of these, renormalised, ``top_p`` keeps
    the smallest set whose probability reaches p: the nucleus, Holtzman et al. 2020, §3.1. The
    most probable word is always kept.

    >>> truncated(torch.tensor([0.1, 0.6, 0.3]).log(), top_k=2, top_p=0.7).exp()
    tensor([0.0000, 0.6000, 0.3000])
    """
    if top_k is None and top_p is None:
        return logits
    words = logits.size(-1)
    best, word = logits.topk(words if top_k is None else min(top_k, words))
    if top_p is not None:
        before = F.pad(best.softmax(-1).cumsum(-1)[..., :-1], (1, 0))  # of the likelier words
        best = best.masked_fill(before >= top_p, -torch.inf)
    return torch.full_like(logits, -torch.inf).scatter(-1, word, best)

"""Several models as one step function."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from attention_core.search.step import Step, precise


class EnsembleState(tuple[Any, ...]):
    """The states of the members, one after the other; of no member, a state that holds nothing.

    >>> EnsembleState([EnsembleState(), EnsembleState()]).repeated(3)
    ((), ())
    """

    def rows(self, index: Tensor) -> "EnsembleState":
        """Each member's state of the given rows, in their order."""
        return EnsembleState(state.rows(index) for state in self)

    def repeated(self, times: int) -> "EnsembleState":
        """Each member's rows ``times`` over, side by side."""
        return EnsembleState(state.repeated(times) for state in self)


def ensemble(steps: Sequence[Step[Any, Any]]) -> Step[tuple[Any, ...], EnsembleState]:
    """p(y | …) = 1/M Σ_m p_m(y | …): the step function of M models with one vocabulary.

    Its memory is the tuple of the members' memories, its state the ``EnsembleState`` of theirs.
    Logits are log p; weights are the mean of the members' where all have them over the same
    positions, else None. Sutskever et al. 2014, §3.6.

    Raises ValueError where there is no member, and on the first step where vocabularies differ.

    >>> def model(*logits):
    ...     return lambda tokens, memory, state: (torch.tensor([logits]), state, None)
    >>> step = ensemble([model(0.0, 0.0), model(0.0, -torch.inf)])
    >>> states = EnsembleState([EnsembleState(), EnsembleState()])  # these models carry nothing
    >>> step(torch.tensor([0]), (None, None), states)[0].exp()
    tensor([[0.7500, 0.2500]])
    """
    if not steps:
        raise ValueError("steps: expected at least one, got none")

    def averaged(
        tokens: Tensor, memory: tuple[Any, ...], state: EnsembleState
    ) -> tuple[Tensor, EnsembleState, Tensor | None]:
        members = [step(tokens, *own) for step, *own in zip(steps, memory, state, strict=True)]
        logits, states, weights = zip(*members, strict=True)
        if len(sizes := {logit.size(-1) for logit in logits}) > 1:
            raise ValueError(f"steps: expected one vocabulary, got sizes {sorted(sizes)}")
        gains = torch.stack([precise(logit).log_softmax(-1) for logit in logits])
        return (
            gains.logsumexp(0) - math.log(len(steps)),
            EnsembleState(states),
            _mean(weights),
        )

    return averaged


def _mean(weights: tuple[Tensor | None, ...]) -> Tensor | None:
    looked = [weight for weight in weights if weight is not None]
    if len(looked) < len(weights) or len({weight.shape for weight in looked}) > 1:
        return None
    return torch.stack(looked).mean(0)

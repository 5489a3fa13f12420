"""Greedy search: the best next token, step by step."""

from collections.abc import Sequence

from torch import Tensor

from attention_core.search.arguments import check
from attention_core.search.constraints import Constraint
from attention_core.search.hypothesis import Hypothesis
from attention_core.search.step import M, S, Step
from attention_core.search.unroll import unroll


def greedy_search(
    step: Step[M, S],
    memory: M,
    state: S,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    length_penalty: float = 0.0,
    constraints: Sequence[Constraint] = (),
) -> list[Hypothesis]:
    """y_t = argmax p(y | y_<t) for each of B sources, until ``end`` or ``max_length`` tokens.

    Shapes: begin (B,), the first token of each source; state with B rows.
    The score is Σ log p / length^α with α = ``length_penalty``. Log-probabilities are the model's
    own under constraints too; where these forbid every word, the output ends there, unfinished.

    Raises ValueError where an argument is out of its range, naming it, and where the first logits
    are not numbers.

    >>> import torch
    >>> from attention_core.search import EnsembleState
    >>> table = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.4, 0.6], [0.7, 0.3, 0.0]]).log()
    >>> def step(tokens, memory, state):  # p(next | last); 0 is the end
    ...     return table[tokens], state, None
    >>> options = {"begin": torch.tensor([1]), "end": 0, "max_length": 9}
    >>> greedy_search(step, None, EnsembleState(), **options)[0].tokens
    [2, 0]
    """
    check(begin, memory, max_length, length_penalty, constraints)
    return unroll(
        step,
        memory,
        state,
        lambda logits: logits.argmax(-1),
        begin=begin,
        end=end,
        max_length=max_length,
        length_penalty=length_penalty,
        constraints=constraints,
    )

"""Greedy search: the best next token, step by step."""

from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Hypothesis, Step
from attention_core.search.unroll import unroll


def greedy_search(
    step: Step,
    memory: Memory,
    state: DecoderState,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    length_penalty: float = 0.0,
) -> list[Hypothesis]:
    """y_t = argmax p(y | y_<t) for each of B sources, until ``end`` or ``max_length`` tokens.

    Shapes: begin (B,), the first token of each source; state with B rows.
    The score is Σ log p / length^α with α = ``length_penalty``.
    """
    return unroll(
        step,
        memory,
        state,
        lambda logits: logits.argmax(-1),
        begin=begin,
        end=end,
        max_length=max_length,
        length_penalty=length_penalty,
    )

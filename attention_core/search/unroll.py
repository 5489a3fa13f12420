"""One token after another, by a rule that chooses it."""

from collections.abc import Callable

import torch
from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Hypothesis, Step


@torch.no_grad()
def unroll(
    step: Step,
    memory: Memory,
    state: DecoderState,
    choose: Callable[[Tensor], Tensor],
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    length_penalty: float,
) -> list[Hypothesis]:
    """A hypothesis for each row, until ``end`` or ``max_length`` tokens.

    ``choose`` takes logits (R, W) and gives tokens (R,); begin (R,) and state have R rows. The
    score is Σ log p / length^α with α = ``length_penalty``, whatever rule chose the tokens.
    """
    if max_length < 1:
        raise ValueError(f"max_length: expected at least 1, got {max_length}")
    tokens = begin
    done = torch.zeros_like(begin, dtype=torch.bool)
    chosen, gains, looked = [], [], []
    for _ in range(max_length):
        logits, state, weights = step(tokens, memory, state)
        tokens = choose(logits)
        chosen.append(tokens)
        gains.append(logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0])
        if weights is not None:
            looked.append(weights)
        done = done | (tokens == end)
        if bool(done.all()):
            break
    attention = torch.stack(looked, 1) if looked else None
    return [
        _cut(row, end, length_penalty, sequence, gain, attention)
        for row, (sequence, gain) in enumerate(
            zip(torch.stack(chosen, 1).tolist(), torch.stack(gains, 1).tolist(), strict=True)
        )
    ]


def _cut(
    row: int,
    end: int,
    length_penalty: float,
    sequence: list[int],
    gains: list[float],
    attention: Tensor | None,
) -> Hypothesis:
    """A row up to its end."""
    finished = end in sequence
    length = sequence.index(end) + 1 if finished else len(sequence)
    return Hypothesis(
        sequence[:length],
        gains[:length],
        sum(gains[:length]) / length**length_penalty,
        None if attention is None else attention[row, :length],
        finished,
    )

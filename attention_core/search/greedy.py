"""Greedy search: the best next token, step by step."""

import torch
from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Hypothesis, Step


@torch.no_grad()
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
    if max_length < 1:
        raise ValueError(f"max_length: expected at least 1, got {max_length}")
    tokens = begin
    done = torch.zeros_like(begin, dtype=torch.bool)
    chosen, gains, looked = [], [], []
    for _ in range(max_length):
        logits, state, weights = step(tokens, memory, state)
        gain, tokens = logits.log_softmax(-1).max(-1)
        chosen.append(tokens)
        gains.append(gain)
        looked.append(weights)
        done = done | (tokens == end)
        if bool(done.all()):
            break
    hypotheses = []
    for row in range(begin.numel()):
        sequence = [int(step_tokens[row]) for step_tokens in chosen]
        finished = end in sequence
        length = sequence.index(end) + 1 if finished else len(sequence)
        log_probabilities = [float(gain[row]) for gain in gains[:length]]
        kept = [weights[row] for weights in looked[:length] if weights is not None]
        hypotheses.append(
            Hypothesis(
                sequence[:length],
                log_probabilities,
                sum(log_probabilities) / length**length_penalty,
                torch.stack(kept) if kept else None,
                finished,
            )
        )
    return hypotheses

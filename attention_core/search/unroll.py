"""One token after another, by a rule that chooses it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from attention_core.search.constraints import Constraint, constrained
from attention_core.search.hypothesis import Hypothesis
from attention_core.search.step import M, S, Step, check_numbers, precise


@torch.no_grad()
def unroll(
    step: Step[M, S],
    memory: M,
    state: S,
    choose: Callable[[Tensor], Tensor],
    *,
    begin: Tensor,
    rows: int = 1,
    end: int,
    max_length: int,
    length_penalty: float,
    constraints: Sequence[Constraint],
) -> list[Hypothesis]:
    """A hypothesis for each of R = B·N rows, until ``end`` or ``max_length`` tokens.

    ``choose`` takes logits (R, W) and gives tokens (R,); begin (B,), N = ``rows``, and state has
    R rows. The score is Σ log p / length^α with α = ``length_penalty``, whatever rule chose the
    tokens. A row in which the constraints forbid every word ends there, unfinished.
    """
    tokens = begin.repeat_interleave(rows)
    prefixes = begin.new_empty(begin.numel(), rows, 0)
    limit = torch.full_like(tokens, max_length)  # where the constraints stop a row
    done = torch.zeros_like(tokens, dtype=torch.bool)
    chosen, gains, looked = [], [], []
    for t in range(max_length):
        logits, state, weights = step(tokens, memory, state)
        logits = allowed = precise(logits)
        gain = logits.log_softmax(-1)
        if t == 0:
            check_numbers(gain)
        if constraints:
            allowed = constrained(constraints, prefixes, logits)
            stuck = allowed.isneginf().all(-1)
            allowed = logits.where(stuck[:, None], allowed)
            limit = limit.where(done | ~stuck, t)
            done = done | stuck
        tokens = choose(allowed)
        if constraints:
            prefixes = torch.cat([prefixes, tokens.view(-1, rows, 1)], -1)
        chosen.append(tokens)
        gains.append(gain.gather(-1, tokens[:, None])[:, 0])
        if weights is not None:
            looked.append(weights)
        done = done | (tokens == end)
        if bool(done.all()):
            break
    attention = torch.stack(looked, 1).cpu() if looked else None
    columns = (torch.stack(chosen, 1).tolist(), torch.stack(gains, 1).tolist(), limit.tolist())
    return [
        _cut(row, sequence[:most], gain, end, length_penalty, attention)
        for row, (sequence, gain, most) in enumerate(zip(*columns, strict=True))
    ]


def _cut(
    row: int,
    sequence: list[int],
    gains: list[float],
    end: int,
    length_penalty: float,
    attention: Tensor | None,
) -> Hypothesis:
    """A row up to its end."""
    finished = end in sequence
    length = sequence.index(end) + 1 if finished else len(sequence)
    return Hypothesis(
        sequence[:length],
        gains[:length],
        sum(gains[:length]) / max(length, 1) ** length_penalty,
        None if attention is None else attention[row, :length],
        finished,
    )

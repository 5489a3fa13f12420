"""Beam search over rows that share an untiled memory."""

import math
from bisect import insort
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from attention_core.search.arguments import at_least, check
from attention_core.search.constraints import Constraint, constrained
from attention_core.search.hypothesis import Hypothesis
from attention_core.search.scoring import coverage_score
from attention_core.search.step import (
    M,
    S,
    Step,
    check_numbers,
    precise,
    real_positions,
    selectable,
    some_sources,
)
from attention_core.search.trail import Ended, Level, Trail

Stop = Literal["width", "best"]
KEPT = 0.75  # of the sources, at most, are worth a smaller batch


@torch.no_grad()
def beam_search(
    step: Step[M, S],
    memory: M,
    state: S,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    width: int = 5,
    length_penalty: float = 1.0,
    coverage_penalty: float = 0.0,
    stop: Stop = "width",
    constraints: Sequence[Constraint] = (),
) -> list[list[Hypothesis]]:
    """The best sequences for each of B sources, best first: at least one, at most ``width``.

    Keeps the ``width`` most probable open prefixes. A prefix that takes ``end`` among the best
    ``width`` continuations is finished. Graves 2012, §2.6; Bahdanau et al. 2014, §4.

    Ranked by score = Σ_t log p_t / T^α + β Σ_s log min(Σ_t α_ts, 1), α = ``length_penalty`` (Cho
    et al. 2014b, §4.2), β = ``coverage_penalty`` over the real positions of the memory's
    ``valid`` (Wu et al. 2016, §7, eq. 14; a position looked at less than 1e-10 counts as that).

    ``stop`` says when a source is done, before ``max_length`` tokens:

    - "width": once ``width`` have finished, the first ones.
    - "best": once no open prefix can beat the worst of the ``width`` best finished ones: the result
      is that of never stopping, after Huang et al. 2017. Proof: a prefix of log-probability L ends
      at some T ≤ ``max_length`` with L' ≤ L ≤ 0, and the coverage term is at most 0, so its score
      is at most L' / T^α ≤ L / T^α ≤ L / ``max_length``^α, which is what is compared.

    Where fewer than ``width`` have finished, open prefixes of ``max_length`` tokens fill the places
    left. A prefix that the constraints let no word follow is dropped; only where nothing else is
    left, the last such prefixes are the result, unfinished. Log-probabilities are the model's own
    under constraints too.

    Shapes: begin (B,), state with B rows. ``step`` is called with B·width rows, and the memory
    of the B sources as it is. Where that has a method ``sources``, as ``Memory`` does, sources that
    are done are left out of both, unless there are constraints, which may know sources apart.

    Raises ValueError where an argument is out of its range, naming it, where the first logits are
    not numbers, and where there is a coverage penalty but no attention.

    >>> from attention_core.search import EnsembleState
    >>> table = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.4, 0.6], [0.7, 0.3, 0.0]]).log()
    >>> def step(tokens, memory, state):  # p(next | last); 0 is the end
    ...     return table[tokens], state, None
    >>> options = {"begin": torch.tensor([1]), "end": 0, "max_length": 9, "width": 2}
    >>> for found in beam_search(step, None, EnsembleState(), length_penalty=0.0, **options)[0]:
    ...     print(found.tokens, round(found.log_probability, 2))
    [2, 0] -0.87
    [1, 2, 0] -1.78
    """
    check(begin, memory, max_length, length_penalty, constraints)
    at_least(1, width=width)
    at_least(0, coverage_penalty=coverage_penalty)
    if stop not in get_args(Stop):
        raise ValueError(f"stop: expected one of {', '.join(get_args(Stop))}, got {stop!r}")
    valid = real_positions(memory) if coverage_penalty else None

    sources = begin.numel()
    alive = torch.arange(sources, device=begin.device)  # the sources that are not left out
    left = list(range(sources))  # the same
    places = alive[:, None] * width  # the first row of each place in the batch
    state = state.repeated(width)
    tokens = begin.repeat_interleave(width)
    prefixes = begin.new_empty(sources, width, 0)
    coverage: Tensor | None = None  # (B, width, S)
    total = torch.full((sources, width), -torch.inf, device=begin.device)
    total[:, 0] = 0.0  # all rows of a source start alike: one counts
    dropping = selectable(memory) and not constraints
    levels: list[Level] = []
    looked: list[Tensor] = []
    finished: list[list[Ended]] = [[] for _ in range(sources)]

    for length in range(1, max_length + 1):
        logits, state, weights = step(tokens, memory, state)
        gains = precise(logits).log_softmax(-1)
        if length == 1:
            check_numbers(gains)
        count = len(left)
        if weights is not None:
            weights = weights.unflatten(0, (count, width))
            looked.append(_whole(weights, alive, sources))
        # Only the best width + 1 tokens of a row can matter, one of which may be the end.
        allowed = constrained(constraints, prefixes, gains) if constraints else gains
        gain, token = allowed.topk(min(width + 1, gains.size(-1)), dim=-1)
        candidates = (total[..., None] + gain.view(count, width, -1)).flatten(1)
        likely, pick = candidates.topk(min(2 * width, candidates.size(1)))
        parent = pick // gain.size(-1)
        token, gain = (x.view(count, -1).gather(1, pick) for x in (token, gain))
        score = likely / length**length_penalty
        if coverage_penalty:
            if valid is None or weights is None:
                raise ValueError(
                    "coverage_penalty: expected a memory with `valid` and a step with attention"
                    " weights, got none"
                )
            coverage = weights if coverage is None else coverage + weights
            covered = coverage_score(coverage, valid[:, None])
            score = score + coverage_penalty * covered.gather(1, parent)

        level = Level(token, gain, parent, score)
        ending = token == end
        if ending.any():
            ended = (ending & likely.isfinite())[:, :width].nonzero(as_tuple=True)
            columns = (x[ended].tolist() for x in (alive[:, None].expand_as(pick), *level))
            for source, _, last, row, of in zip(*columns, strict=True):
                _keep(finished[source], Ended(of, length, row, last), width, stop)
            # The open prefixes, in their order: those that did not take the end.
            order = ending.to(torch.uint8).argsort(dim=1, stable=True)
            likely, score = (x.masked_fill(ending, -torch.inf) for x in (likely, score))
            level = Level(*(x.gather(1, order) for x in (token, gain, parent, score)))
            likely = likely.gather(1, order)
        total = likely[:, :width]
        level = Level(*(x[:, :width] for x in level))
        levels.append(Level(*(_whole(x, alive, sources) for x in level)))
        bounds = (total[:, 0] / max_length**length_penalty).tolist()
        opened = [
            place
            for place, (source, bound) in enumerate(zip(left, bounds, strict=True))
            if not _done(finished[source], bound, width, stop)
        ]
        if not opened:
            break
        token, parent, first = level.token, level.parent, places[:count]
        if dropping and len(opened) <= KEPT * count:
            kept = torch.tensor(opened, device=begin.device)
            memory = some_sources(memory, kept)
            alive, first, total, token, parent = (
                x[kept] for x in (alive, first, total, token, parent)
            )
            left = [left[place] for place in opened]
            valid = None if valid is None else valid[kept]
        rows = (parent + first).flatten()
        state = state.rows(rows)
        tokens = token.flatten()
        if constraints:
            prefixes = prefixes.flatten(0, 1)[rows].unflatten(0, (sources, width))
            prefixes = torch.cat([prefixes, token[..., None]], -1)
        if coverage is not None:
            coverage = coverage.flatten(0, 1)[rows].unflatten(0, token.shape)

    trail = Trail(levels, looked, end)
    return [trail.best(source, found, width) for source, found in enumerate(finished)]


def _whole(part: Tensor, alive: Tensor, sources: int) -> Tensor:
    """The rows of the sources that are ``alive`` among those of all: the others score -∞."""
    if len(alive) == sources:
        return part
    rest = -torch.inf if part.is_floating_point() else 0
    return part.new_full((sources, *part.shape[1:]), rest).index_copy(0, alive, part)


def _keep(found: list[Ended], one: Ended, width: int, stop: Stop) -> None:
    """Puts one more in its place, best first: the ``width`` first or best ones stay."""
    if stop == "best" or len(found) < width:
        insort(found, one, key=lambda ended: -ended.score)
        del found[width:]


def _done(found: list[Ended], bound: float, width: int, stop: Stop) -> bool:
    """Whether a source needs no further step; no open prefix can end above ``bound``."""
    if bound == -math.inf:  # there is none
        return True
    return len(found) == width and (stop == "width" or found[-1].score >= bound)

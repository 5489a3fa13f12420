"""Beam search over rows that share an untiled memory."""

import torch
from torch import Tensor

from attention_core.parts.types import DecoderState, Memory
from attention_core.search.hypothesis import Hypothesis, Step


@torch.no_grad()
def beam_search(
    step: Step,
    memory: Memory,
    state: DecoderState,
    *,
    begin: Tensor,
    end: int,
    max_length: int,
    width: int = 5,
    length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:
    """The best sequences for each of B sources, best first: at least one, at most ``width``.

    Keeps the ``width`` most probable open prefixes. A prefix that takes ``end`` among the best
    ``width`` continuations is finished; a source is done once ``width`` have finished, or after
    ``max_length`` tokens, when open prefixes fill the places left. Ranked by
    score = Σ log p / length^α with α = ``length_penalty``. Graves 2012, §3; Bahdanau et al.
    2014, §4; length normalisation: Cho et al. 2014b, §4.2.

    Shapes: begin (B,), state with B rows. ``step`` is called with B·width rows, and the memory
    of the B sources as it is.
    """
    if width < 1 or max_length < 1:
        raise ValueError(f"width and max_length: expected at least 1, got {width}, {max_length}")
    sources = begin.numel()
    offset = torch.arange(sources, device=begin.device)[:, None] * width
    state = state.repeated(width)
    tokens = begin.repeat_interleave(width)
    total = torch.full((sources, width), -torch.inf, device=begin.device, dtype=torch.float32)
    total[:, 0] = 0.0  # all rows of a source start alike: one counts
    trail = _Trail(length_penalty, end)
    finished: list[list[Hypothesis]] = [[] for _ in range(sources)]

    for _ in range(max_length):
        logits, state, weights = step(tokens, memory, state)
        vocabulary = logits.size(-1)
        # Only the best width + 1 tokens of a row can matter, one of which may be the end.
        gain, token = logits.topk(min(width + 1, vocabulary), dim=-1)
        gain = gain - logits.logsumexp(-1, keepdim=True)
        each = gain.size(-1)
        total = total.to(gain.dtype)
        candidates = (total.view(-1, 1) + gain).view(sources, width * each)
        score, pick = candidates.topk(min(2 * width, width * each))
        parent, token = pick // each, token.view(sources, -1).gather(1, pick)
        gain = gain.view(sources, -1).gather(1, pick)
        ending = token == end
        for source, rank in (ending[:, :width] & score[:, :width].isfinite()).nonzero().tolist():
            if len(finished[source]) < width:
                finished[source].append(
                    trail.follow(
                        source, int(parent[source, rank]), float(gain[source, rank]), weights, width
                    )
                )
        # The open prefixes, in their order: those that did not take the end.
        order = ending.to(torch.uint8).argsort(dim=1, stable=True)[:, :width]
        total = score.masked_fill(ending, -torch.inf).gather(1, order)
        parent, token, gain = (x.gather(1, order) for x in (parent, token, gain))
        trail.append(token, parent, gain, weights, width)
        if all(len(found) >= width for found in finished):
            break
        state = state.rows((parent + offset).flatten())
        tokens = token.flatten()
    for source, found in enumerate(finished):
        for row in range(width):
            if len(found) < width and bool(total[source, row].isfinite()):
                found.append(trail.open(source, row))
        found.sort(key=lambda hypothesis: -hypothesis.score)
    return finished


class _Trail:
    """Back-pointers of every step, to read hypotheses off."""

    def __init__(self, length_penalty: float, end: int) -> None:
        self.length_penalty = length_penalty
        self.end = end
        self.steps: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []

    def append(
        self, token: Tensor, parent: Tensor, gain: Tensor, weights: Tensor | None, width: int
    ) -> None:
        looked = None if weights is None else weights.unflatten(0, (-1, width))
        self.steps.append((token, parent, gain, looked))

    def follow(
        self, source: int, parent: int, gain: float, weights: Tensor | None, width: int
    ) -> Hypothesis:
        """The prefix in row ``parent``, finished by the end token."""
        looked = [] if weights is None else [weights[source * width + parent]]
        return self._read(source, parent, [self.end], [gain], looked, finished=True)

    def open(self, source: int, row: int) -> Hypothesis:
        """The prefix in a row, as the length limit left it."""
        return self._read(source, row, [], [], [], finished=False)

    def _read(
        self,
        source: int,
        row: int,
        tokens: list[int],
        gains: list[float],
        looked: list[Tensor],
        *,
        finished: bool,
    ) -> Hypothesis:
        for token, parent, gain, weights in reversed(self.steps):
            tokens.append(int(token[source, row]))
            gains.append(float(gain[source, row]))
            row = int(parent[source, row])
            if weights is not None:
                looked.append(weights[source, row])
        tokens.reverse()
        gains.reverse()
        score = sum(gains) / len(tokens) ** self.length_penalty
        return Hypothesis(
            tokens, gains, score, torch.stack(looked[::-1]) if looked else None, finished
        )

"""One recurrent decoder, composed of parts, for every wiring of the literature."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.parts.adaptive import AdaptiveSoftmax
from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.checks import check
from attention_core.parts.dropout import Dropout, WordDropout, dropped, sequence_mask
from attention_core.parts.packed import Layer, PlainLinear
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.sentinel import VisualSentinel
from attention_core.parts.types import DecoderState, Encoded, Memory, RecurrentState


class RecurrentDecoder(nn.Module):
    """s_t = RNN([y_{t-1}; c_t; r_{t-1}], s_{t-1}),  r_t = readout(s_t, c_t, y_{t-1}),
    p(y_t) = softmax(W r_t + b).

    - ``before`` makes c_t from s_{t-1}, ahead of the RNN, and feeds it to the RNN and the readout.
    - ``after`` makes c_t from s_t, behind the RNN, for the readout; a ``sentinel`` is one more
      candidate for it (Lu et al. 2017, §2.3).
    - ``above`` is a second stack, behind the attention: v_t = RNN'([s_t; c_t], v_{t-1}), v_0 = 0,
      and s_t + v_t is read out in the place of s_t (Wu et al. 2016, §3).
    - ``feed`` gives the RNN the last readout r_{t-1} (input feeding, Luong et al. 2015, §3.3).
    - ``tied`` scores words with the embedding matrix (Press and Wolf 2017); R' must equal E.
    - ``adaptive`` scores words in clusters, for a very large vocabulary (Grave et al. 2017, §4);
      "logits" are then log-probabilities.
    - ``dropout`` acts on words, between layers, on the states and on the readout; ``variational``
      draws it once for each sequence and drops the recurrent states too (Gal and Ghahramani 2016,
      §4); the target rows of a source share it. ``word_dropout`` drops whole words.

    Where a step needs nothing of the step before but the recurrent state, ``forward`` runs the
    fused RNN over all steps at once and attends for all of them in one product; otherwise it
    steps. The numbers are the same.

    Shapes: B sources, N rows per source, R = B·N rows, T steps, S source positions, W words.

    >>> from attention_core import DecoderSizes, build_decoder
    >>> decoder = build_decoder("luong", DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6,
    ...                                               summary=6, attention=3))
    >>> encoded = Encoded(torch.ones(2, 5, 6), torch.ones(2, 5, dtype=torch.bool),
    ...                   torch.ones(2, 6), RecurrentState(torch.zeros(2, 1, 6)))
    >>> memory = decoder.remember(encoded)
    >>> state = decoder.begin(memory, encoded.final)
    >>> logits, state, weights = decoder.step(torch.tensor([1, 1]), memory, state)
    >>> logits.shape, weights.shape
    (torch.Size([2, 9]), torch.Size([2, 5]))
    """

    layer: Layer = PlainLinear  # lays out the words of ``listed``

    def __init__(
        self,
        *,
        embedding: nn.Embedding,
        start: nn.Module,
        recurrence: RecurrentStack,
        readout: nn.Module,
        before: Attention | FixedContext | None = None,
        after: Attention | None = None,
        sentinel: VisualSentinel | None = None,
        above: RecurrentStack | None = None,
        feed: bool = False,
        tied: bool = False,
        adaptive: AdaptiveSoftmax | None = None,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        variational: bool = False,
    ) -> None:
        super().__init__()
        if sentinel is not None and after is None:
            raise ValueError("sentinel: expected attention after the RNN to go with it, got none")
        if after is not None and isinstance(before, Attention):
            raise ValueError("after: expected attention once, got it before the RNN too")
        if above is not None:
            _check_above(above, recurrence)
        self.embedding = embedding
        self.start = start
        self.recurrence = recurrence
        self.readout = readout
        self.before = before
        self.after = after
        self.sentinel = sentinel
        self.above = above
        self.feed = feed
        self.dropout = Dropout(dropout)
        self.words = WordDropout(word_dropout)
        self.variational = variational
        size: int = readout.output_size  # type: ignore[assignment]
        if tied and size != embedding.embedding_dim:
            raise UserError(
                f"tied: expected a readout of the embedding's size {embedding.embedding_dim},"
                f" got {size}"
            )
        if tied and adaptive is not None:
            raise UserError(
                "tied: an adaptive softmax has matrices of its own, so set tied to false"
            )
        self.adaptive = adaptive
        own = not (tied or adaptive)
        self.output = nn.Parameter(torch.empty(embedding.num_embeddings, size)) if own else None
        if self.output is not None:
            nn.init.xavier_uniform_(self.output)
        self.bias = None if adaptive else nn.Parameter(torch.zeros(embedding.num_embeddings))

    @property
    def attention(self) -> Attention | None:
        """The attention, wherever it sits."""
        return self.before if isinstance(self.before, Attention) else self.after

    @property
    def covers(self) -> bool:
        """Whether the attention is told what was looked at so far."""
        return self.attention is not None and self.attention.scorer.coverage is not None

    @property
    def fused(self) -> bool:
        """Whether all steps can be computed at once. A sentinel reads an LSTM's every cell."""
        carried = self.sentinel is not None and self.recurrence.cell == "lstm"
        return not (self.feed or isinstance(self.before, Attention) or self.covers or carried)

    def remember(self, encoded: Encoded) -> Memory:
        """The memory of a batch of sources, with the keys projected once.

        Raises ValueError where the parts of ``encoded`` don't fit each other or the scorer.
        """
        check("encoded.values", encoded.values, None, None, None)
        sources, positions, _ = encoded.values.shape
        device = encoded.values.device
        check("encoded.valid", encoded.valid, sources, positions, dtype=torch.bool, device=device)
        check("encoded.summary", encoded.summary, sources, None, device=device)
        keys = None
        if self.attention is not None:
            scorer = self.attention.scorer
            name = "encoded.values" if encoded.keys is None else "encoded.keys"
            keys = encoded.values if encoded.keys is None else encoded.keys
            check(name, keys, sources, positions, scorer.value_size, device=device)
            keys = scorer.project_keys(keys)
        return Memory(encoded.values, keys, encoded.valid, encoded.summary)

    def begin(self, memory: Memory, final: RecurrentState | None) -> DecoderState:
        """The state before the first token, one row per source."""
        state = self.start(memory.summary, final, self.recurrence)
        if self.above is not None:
            state = state.under(self.above.zeros(state.hidden))
        rows = state.hidden.size(0)
        feed = state.hidden.new_zeros(rows, self.readout.output_size) if self.feed else None
        position = torch.zeros(rows, dtype=torch.long, device=state.hidden.device)
        coverage = None
        if self.covers:
            precision = torch.promote_types(memory.values.dtype, torch.float32)
            coverage = torch.zeros_like(memory.valid, dtype=precision)
        masks = None
        if self.variational and self.training:
            masks = sequence_mask(state.hidden, sum(self._spots), self.dropout.p)
        return DecoderState(state.hidden, state.cell, feed, position, coverage, masks)

    def step(
        self,
        tokens: Tensor,
        memory: Memory,
        state: DecoderState,
        words: Tensor | nn.Module | None = None,
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One token for each row: tokens (R,) -> logits (R, W), the next state, weights (R, S).

        With ``words`` (n,) only theirs are scored: logits (R, n). For many steps, ``listed`` makes
        a layer of them once, which takes their place.

        Raises ValueError for tokens that are not one index for each row of the state, or a state
        without as many rows for each source.
        """
        _check_rows(memory, state)
        device = state.hidden.device
        check("tokens", tokens, state.hidden.size(0), dtype=torch.long, device=device)
        masks = self._masks(state)
        embedded = dropped(self.words(self.embedding(tokens)), self.dropout, masks.embedded)
        features, state, weights = self._advance(embedded, memory, state, masks)
        return self.vocabulary(features, words), state, weights

    def forward(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        """Teacher forcing: tokens (R, T) -> logits (R, T, W), weights (R, T, S)."""
        features, weights = self.features(tokens, memory, state)
        return self.vocabulary(features), weights

    def features(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        """What ``forward`` scores the vocabulary with: tokens (R, T) -> (R, T, R'), weights.

        Raises ValueError for tokens that are not a row of indices for each row of the state, or a
        state without as many rows for each source.
        """
        _check_rows(memory, state)
        device = state.hidden.device
        check("tokens", tokens, state.hidden.size(0), None, dtype=torch.long, device=device)
        masks = self._masks(state)
        embedded = dropped(self.words(self.embedding(tokens)), self.dropout, masks.embedded)
        if self.fused:
            return self._all_at_once(embedded, memory, state, masks)
        features, weights = [], []
        for t in range(tokens.size(1)):
            feature, state, weight = self._advance(embedded[:, t], memory, state, masks)
            features.append(feature)
            weights.append(weight)
        kept = [weight for weight in weights if weight is not None]
        return torch.stack(features, 1), torch.stack(kept, 1) if kept else None

    def listed(self, words: Tensor | None = None) -> Tensor | nn.Module | None:
        """The words (n,), or all, with their weights laid out for many steps: see ``step``.

        Where clusters of words are scored, the words as they are.
        """
        if self.adaptive is not None:
            return words
        weight, bias = self._scored(words)
        return self.layer(weight, bias)

    def vocabulary(self, features: Tensor, words: Tensor | nn.Module | None = None) -> Tensor:
        """Logits (..., W) of readout features (..., R'), or (..., n) of the given words (n,)."""
        if isinstance(words, nn.Module):
            logits: Tensor = words(features)
            return logits
        if self.adaptive is not None:
            gains: Tensor = self.adaptive(features)
            return gains if words is None else gains[..., words]
        return F.linear(features, *self._scored(words))

    def _scored(self, words: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weights (n, R') and biases (n,) of the words."""
        weight: Tensor = self.embedding.weight if self.output is None else self.output
        bias: Tensor = self.bias  # type: ignore[assignment]
        return (weight, bias) if words is None else (weight[words], bias[words])

    def _advance(
        self, embedded: Tensor, memory: Memory, state: DecoderState, masks: "_Masks"
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One step: embedded (R, E) -> features (R, R'), the next state, weights (R, S)."""
        below, above = self._parted(state)
        last = below.hidden[:, -1]
        where = memory, state.position, state.coverage
        context, weights = self._attend(self.before, last, *where)
        inputs = torch.cat([x for x in (embedded, context, state.feed) if x is not None], -1)
        recurrent = self.recurrence.step(inputs, below, masks.recurrence)
        top = recurrent.hidden[:, -1]
        if self.after is not None:
            carried = top if recurrent.cell is None else torch.tanh(recurrent.cell[:, -1])
            context, weights = self._attend(self.after, top, *where, (inputs, last, carried))
        if self.above is not None:
            found = self.above.step(self._raised(top, context, masks), above, masks.above)
            top = top + found.hidden[:, -1]
            recurrent = recurrent.under(found)
        features = self._read(top, context, embedded, masks)
        covered = state.coverage
        if covered is not None and weights is not None:
            covered = covered + weights
        state = DecoderState(
            recurrent.hidden,
            recurrent.cell,
            features if self.feed else None,
            state.position + 1,
            covered,
            state.masks,
        )
        return features, state, weights

    def _all_at_once(
        self, embedded: Tensor, memory: Memory, state: DecoderState, masks: "_Masks"
    ) -> tuple[Tensor, Tensor | None]:
        """All steps: embedded (R, T, E) -> features (R, T, R'), weights (R, T, S)."""
        steps = torch.arange(embedded.size(1), device=embedded.device)
        position = state.position[:, None] + steps
        context, weights = self._attend(self.before, embedded, memory, position, None)
        inputs = embedded if context is None else torch.cat([embedded, context], -1)
        below, above = self._parted(state)
        top, _ = self.recurrence(inputs, below, masks.recurrence)
        if self.after is not None:
            last = torch.cat([below.hidden[:, -1:], top[:, :-1]], 1)
            context, weights = self._attend(
                self.after, top, memory, position, None, (inputs, last, top)
            )
        if self.above is not None:
            top = top + self.above(self._raised(top, context, masks), above, masks.above)[0]
        return self._read(top, context, embedded, masks), weights

    def _parted(self, state: DecoderState) -> tuple[RecurrentState, RecurrentState]:
        """The state of the recurrence, and that of the stack above, if there is one."""
        whole = RecurrentState(state.hidden, state.cell)
        return (whole, whole) if self.above is None else whole.parted(self.recurrence.layers)

    def _raised(self, top: Tensor, context: Tensor | None, masks: "_Masks") -> Tensor:
        """What the stack above reads: (..., H) and (..., V) -> (..., H + V)."""
        inputs = top if context is None else torch.cat([top, context], -1)
        return dropped(inputs, self.dropout, masks.raised)

    def _read(
        self, top: Tensor, context: Tensor | None, embedded: Tensor, masks: "_Masks"
    ) -> Tensor:
        top = dropped(top, self.dropout, masks.top)
        features: Tensor = self.readout(top, context, embedded)
        return features if features is top else dropped(features, self.dropout, masks.readout)

    def _attend(
        self,
        part: Attention | FixedContext | None,
        query: Tensor,
        memory: Memory,
        position: Tensor,
        coverage: Tensor | None,
        watched: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Queries (R, ..., Q) are put side by side per source, and their answers back in rows.

        ``watched`` is what a sentinel is made of.
        """
        if part is None:
            return None, None
        sources = memory.valid.size(0)
        rows = query.shape[:-1]
        each = math.prod(rows) // max(sources, 1)

        def per_source(x: Tensor) -> Tensor:
            return x.reshape(sources, each, x.size(-1))

        asked = per_source(query), memory, position.reshape(sources, each)
        if isinstance(part, FixedContext):
            context, weights = part(*asked)
        else:
            sentinel = None
            if self.sentinel is not None and watched is not None:
                sentinel = self.sentinel(*map(per_source, watched))
            covered = None if coverage is None else per_source(coverage)
            context, weights = part(*asked, covered, sentinel)
        context = context.reshape(*rows, context.size(-1))
        return context, None if weights is None else weights.reshape(*rows, weights.size(-1))

    @property
    def _spots(self) -> tuple[int, ...]:
        """The sizes of what variational dropout multiplies: the fields of ``_Masks``."""
        stack, above = self.recurrence, self.above
        size: int = self.readout.output_size  # type: ignore[assignment]
        spots = self.embedding.embedding_dim, stack.masks_size, stack.hidden_size, size
        return spots if above is None else (*spots, above.input_size, above.masks_size)

    def _masks(self, state: DecoderState) -> "_Masks":
        return _Masks() if state.masks is None else _Masks(*state.masks.split(self._spots, 1))


def _check_rows(memory: Memory, state: DecoderState) -> None:
    sources, rows = memory.valid.size(0), state.hidden.size(0)
    if rows % max(sources, 1):
        raise ValueError(f"state: expected a multiple of {sources} rows, got {rows}")


def _check_above(above: RecurrentStack, recurrence: RecurrentStack) -> None:
    for name in ("cell", "hidden_size"):
        expected, got = getattr(recurrence, name), getattr(above, name)
        if got != expected:
            raise ValueError(f"above: expected {name} {expected!r} as below, got {got!r}")


class _Masks(NamedTuple):
    """Where dropout acts, with the mask of each row's sequence; without masks it is drawn anew."""

    embedded: Tensor | None = None  # (R, E)
    recurrence: Tensor | None = None  # (R, masks_size)
    top: Tensor | None = None  # (R, H)
    readout: Tensor | None = None  # (R, R')
    raised: Tensor | None = None  # (R, H + V)
    above: Tensor | None = None  # (R, masks_size of the stack above)

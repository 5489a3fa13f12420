"""One recurrent decoder, composed of parts, for every wiring of the literature."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.types import DecoderState, Encoded, Memory, RecurrentState


class RecurrentDecoder(nn.Module):
    """s_t = RNN([y_{t-1}; c_t; r_{t-1}], s_{t-1}),  r_t = readout(s_t, c_t, y_{t-1}),
    p(y_t) = softmax(W r_t + b).

    - ``before`` makes c_t from s_{t-1}, ahead of the RNN, and feeds it to the RNN and the readout.
    - ``after`` makes c_t from s_t, behind the RNN, for the readout.
    - ``feed`` gives the RNN the last readout r_{t-1} (input feeding, Luong et al. 2015, §3.3).
    - ``tied`` scores words with the embedding matrix (Press and Wolf 2017); R must equal E.

    Where neither attention comes before the RNN nor the readout is fed back, ``forward`` runs
    the fused RNN over all steps at once; otherwise it steps. The numbers are the same.

    Shapes: B sources, N rows per source, R = B·N rows, T steps, S source positions, W words.
    """

    def __init__(
        self,
        *,
        embedding: nn.Embedding,
        start: nn.Module,
        recurrence: RecurrentStack,
        readout: nn.Module,
        before: Attention | FixedContext | None = None,
        after: Attention | None = None,
        feed: bool = False,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.start = start
        self.recurrence = recurrence
        self.readout = readout
        self.before = before
        self.after = after
        self.feed = feed
        self.dropout = nn.Dropout(dropout)
        self.fused = not feed and not isinstance(before, Attention)
        size: int = readout.output_size  # type: ignore[assignment]
        if tied and size != embedding.embedding_dim:
            raise ValueError(
                f"tied: expected a readout of the embedding's size {embedding.embedding_dim},"
                f" got {size}"
            )
        self.output = None if tied else nn.Parameter(torch.empty(embedding.num_embeddings, size))
        if self.output is not None:
            nn.init.xavier_uniform_(self.output)
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    @property
    def attention(self) -> Attention | None:
        """The attention, wherever it sits."""
        return self.before if isinstance(self.before, Attention) else self.after

    def remember(self, encoded: Encoded) -> Memory:
        """The memory of a batch of sources, with the keys projected once.

        Raises ValueError where ``valid`` is not a mask of the values' positions.
        """
        expected = encoded.values.shape[:2]
        if encoded.valid.dtype != torch.bool or encoded.valid.shape != expected:
            raise ValueError(
                f"encoded.valid: expected torch.bool of shape {tuple(expected)},"
                f" got {encoded.valid.dtype} of shape {tuple(encoded.valid.shape)}"
            )
        attention = self.attention
        keys = None if attention is None else attention.scorer.project_keys(encoded.values)
        return Memory(encoded.values, keys, encoded.valid, encoded.summary)

    def begin(self, memory: Memory, final: RecurrentState | None) -> DecoderState:
        """The state before the first token, one row per source."""
        state = self.start(memory.summary, final, self.recurrence)
        rows = state.hidden.size(0)
        feed = state.hidden.new_zeros(rows, self.readout.output_size) if self.feed else None
        position = torch.zeros(rows, dtype=torch.long, device=state.hidden.device)
        return DecoderState(state.hidden, state.cell, feed, position)

    def step(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One token for each row: tokens (R,) -> logits (R, W), the next state, weights (R, S)."""
        embedded = self.dropout(self.embedding(tokens))
        features, state, weights = self._advance(embedded, memory, state)
        return self.vocabulary(features), state, weights

    def forward(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        """Teacher forcing: tokens (R, T) -> logits (R, T, W), weights (R, T, S)."""
        features, weights = self.features(tokens, memory, state)
        return self.vocabulary(features), weights

    def features(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        """What ``forward`` scores the vocabulary with: tokens (R, T) -> (R, T, R'), weights."""
        embedded = self.dropout(self.embedding(tokens))
        if self.fused:
            return self._all_at_once(embedded, memory, state)
        features, weights = [], []
        for t in range(tokens.size(1)):
            feature, state, weight = self._advance(embedded[:, t], memory, state)
            features.append(feature)
            weights.append(weight)
        kept = [weight for weight in weights if weight is not None]
        return torch.stack(features, 1), torch.stack(kept, 1) if kept else None

    def vocabulary(self, features: Tensor) -> Tensor:
        """Logits (..., W) of readout features (..., R')."""
        weight = self.embedding.weight if self.output is None else self.output
        return F.linear(features, weight, self.bias)

    def _advance(
        self, embedded: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        context, weights = self._attend(self.before, state.hidden[:, -1], memory, state.position)
        inputs = [x for x in (embedded, context, state.feed) if x is not None]
        recurrent = self.recurrence.step(
            torch.cat(inputs, -1), RecurrentState(state.hidden, state.cell)
        )
        top = recurrent.hidden[:, -1]
        if self.after is not None:
            context, weights = self._attend(self.after, top, memory, state.position)
        features = self.dropout(self.readout(self.dropout(top), context, embedded))
        state = DecoderState(
            recurrent.hidden,
            recurrent.cell,
            features if self.feed else None,
            state.position + 1,
        )
        return features, state, weights

    def _all_at_once(
        self, embedded: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, Tensor | None]:
        steps = torch.arange(embedded.size(1), device=embedded.device)
        position = state.position[:, None] + steps
        context, weights = self._attend(self.before, embedded, memory, position)
        inputs = embedded if context is None else torch.cat([embedded, context], -1)
        top, _ = self.recurrence(inputs, RecurrentState(state.hidden, state.cell))
        if self.after is not None:
            context, weights = self._attend(self.after, top, memory, position)
        return self.dropout(self.readout(self.dropout(top), context, embedded)), weights

    @staticmethod
    def _attend(
        part: Attention | FixedContext | None, query: Tensor, memory: Memory, position: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Queries (R, ..., Q) are put side by side per source, and their answers back in rows."""
        if part is None:
            return None, None
        sources = memory.valid.size(0)
        rows = query.shape[:-1]
        context, weights = part(
            query.reshape(sources, -1, query.size(-1)), memory, position.reshape(sources, -1)
        )
        context = context.reshape(*rows, -1)
        return context, None if weights is None else weights.reshape(*rows, -1)

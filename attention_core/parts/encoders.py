"""The recurrent text encoder."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attention_core.parts.rnn import check_cell
from attention_core.parts.types import Encoded, RecurrentState

RNNS = {"gru": nn.GRU, "lstm": nn.LSTM, "tanh": nn.RNN}


class TextEncoder(nn.Module):
    """A (bidirectional) recurrent encoder: h_s = [→h_s; ←h_s]. Bahdanau et al. 2014, §3.2.

    The values are the top layer's states; the summary is its last state in each direction,
    [→h_S; ←h_1]; the final state joins the directions layer by layer, so that a decoder of twice
    the hidden size can copy it.

    Shapes: tokens (B, S), valid (B, S) -> values (B, S, D·H), summary (B, D·H), final (B, L, D·H)
    with D directions. Real positions come first in each row.
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        cell: str,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_cell(cell)
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.rnn = RNNS[cell](
            embedding.embedding_dim,
            hidden_size,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.directions = 2 if bidirectional else 1
        self.output_size = hidden_size * self.directions

    def forward(self, tokens: Tensor, valid: Tensor) -> Encoded:
        embedded = self.dropout(self.embedding(tokens))
        lengths = valid.sum(1)
        packed = pack_padded_sequence(
            embedded, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        outputs, final = self.rnn(packed)
        values, _ = pad_packed_sequence(outputs, batch_first=True, total_length=tokens.size(1))
        values = values * valid[..., None]
        some = (lengths > 0)[:, None, None]
        hidden, cell = final if isinstance(final, tuple) else (final, None)
        state = RecurrentState(
            self._join(hidden) * some, None if cell is None else self._join(cell) * some
        )
        return Encoded(self.dropout(values), valid, state.hidden[:, -1], state)

    def _join(self, state: Tensor) -> Tensor:
        """(L·D, B, H) of torch's kernels -> (B, L, D·H)."""
        return torch.cat(
            [state[d :: self.directions] for d in range(self.directions)], -1
        ).transpose(0, 1)

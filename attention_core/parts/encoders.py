"""The recurrent text encoder."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attention_core.parts.aligned import aligned_lstm
from attention_core.parts.checks import check
from attention_core.parts.dropout import Dropout, WordDropout, dropped, sequence_mask
from attention_core.parts.rnn import RecurrentStack, check_cell
from attention_core.parts.types import Encoded, RecurrentState

RNNS = {"gru": nn.GRU, "lstm": nn.LSTM, "tanh": nn.RNN}


class TextEncoder(nn.Module):
    """A (bidirectional) recurrent encoder: h_s = [→h_s; ←h_s]. Bahdanau et al. 2014, §3.2.

    The values are the top layer's states; the summary is its last state in each direction,
    [→h_S; ←h_1]; the final state joins the directions layer by layer, so that a decoder of twice
    the hidden size can copy it. A source without real positions is all zeros.

    ``normalised`` and ``variational`` are layer normalisation and one dropout mask a sequence, as
    in ``RecurrentStack``; ``word_dropout`` drops whole words.

    Shapes: tokens (B, S), valid (B, S) -> values (B, S, D·H), summary (B, D·H), final (B, L, D·H)
    with D directions. Real positions come first in each row.

    Raises UserError for an unknown cell; ValueError where tokens or mask are of the wrong shape,
    type or device, or real positions don't come first.

    >>> encoder = TextEncoder(nn.Embedding(10, 4), "gru", 3)
    >>> tokens = torch.tensor([[5, 6, 7], [8, 0, 0]])
    >>> encoded = encoder(tokens, tokens > 0)
    >>> encoded.values.shape, encoded.summary.shape, encoded.values[1, 1:].any().item()
    (torch.Size([2, 3, 6]), torch.Size([2, 6]), False)
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
        word_dropout: float = 0.0,
        normalised: bool = False,
        variational: bool = False,
    ) -> None:
        super().__init__()
        check_cell(cell)
        self.embedding = embedding
        self.words = WordDropout(word_dropout)
        self.dropout = Dropout(dropout)
        self.variational = variational
        self.directions = 2 if bidirectional else 1
        self.output_size = hidden_size * self.directions
        size = embedding.embedding_dim
        self.rnn: _Stepped | nn.RNNBase
        if normalised or variational:
            self.rnn = _Stepped(
                cell, size, hidden_size, layers, self.directions, dropout, normalised, variational
            )
        else:
            self.rnn = RNNS[cell](
                size,
                hidden_size,
                layers,
                batch_first=True,
                bidirectional=bidirectional,
                dropout=dropout if layers > 1 else 0.0,
            )

    def forward(self, tokens: Tensor, valid: Tensor) -> Encoded:
        check("tokens", tokens, None, None, dtype=torch.long, device=self.embedding.weight.device)
        check("valid", valid, *tokens.shape, dtype=torch.bool, device=tokens.device)
        if (valid[:, 1:] > valid[:, :-1]).any():
            raise ValueError("valid: expected real positions first in each row, got some after")
        embedded = self._dropped(self.words(self.embedding(tokens)))
        if isinstance(self.rnn, _Stepped):
            values, state = self.rnn(embedded, valid)
        elif isinstance(self.rnn, nn.LSTM) and self.training and self._has_kernel(embedded):
            values, *last = aligned_lstm(self.rnn, embedded, valid, self._dropped)
            state = RecurrentState(*map(self._join, last))
        else:
            values, state = self._packed(embedded, valid)
        return Encoded(self._dropped(values), valid, state.hidden[:, -1], state)

    def _dropped(self, x: Tensor) -> Tensor:
        drawn = self.variational and self.training
        return dropped(
            x, self.dropout, sequence_mask(x, x.size(-1), self.dropout.p) if drawn else None
        )

    def _has_kernel(self, embedded: Tensor) -> bool:
        """Whether oneDNN can run all steps at once, of which there must be some."""
        there = embedded.device.type == "cpu" and torch.backends.mkldnn.is_available()
        return there and embedded.size(1) > 0

    def _packed(self, embedded: Tensor, valid: Tensor) -> tuple[Tensor, RecurrentState]:
        """Through torch's fused kernel, which wants a position of every row: its work is undone."""
        size = embedded.size(1)
        if not size:
            embedded = embedded.new_zeros(embedded.size(0), 1, embedded.size(2))
        lengths = valid.sum(1)
        packed = pack_padded_sequence(
            embedded, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        outputs, final = self.rnn(packed)
        values, _ = pad_packed_sequence(outputs, batch_first=True, total_length=max(size, 1))
        some = (lengths > 0)[:, None, None]
        hidden, cell = final if isinstance(final, tuple) else (final, None)
        state = RecurrentState(
            self._join(hidden) * some, None if cell is None else self._join(cell) * some
        )
        return values[:, :size] * valid[..., None], state

    def _join(self, state: Tensor) -> Tensor:
        """(L·D, B, H) of torch's kernels -> (B, L, D·H)."""
        return torch.cat(
            [state[d :: self.directions] for d in range(self.directions)], -1
        ).transpose(0, 1)


class _Stepped(nn.Module):
    """The same by one step after another, for what no fused kernel does."""

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        layers: int,
        directions: int,
        dropout: float,
        normalised: bool,
        variational: bool,
    ) -> None:
        super().__init__()
        self.variational = variational
        self.dropout = Dropout(dropout)
        sizes = [input_size] + [directions * hidden_size] * (layers - 1)
        self.directions = directions
        self.stacks = nn.ModuleList(  # those of a layer side by side
            RecurrentStack(cell, size, hidden_size, dropout=dropout, normalised=normalised)
            for size in sizes
            for _ in range(directions)
        )

    def forward(self, inputs: Tensor, valid: Tensor) -> tuple[Tensor, RecurrentState]:
        hidden, cell = [], []
        drawn = self.variational and self.training
        for number in range(0, len(self.stacks), self.directions):
            if number:
                mask = sequence_mask(inputs, inputs.size(-1), self.dropout.p) if drawn else None
                inputs = dropped(inputs, self.dropout, mask)
            ran = [self._ran(number + d, inputs, valid, d == 1) for d in range(self.directions)]
            inputs = torch.cat([outputs for outputs, _ in ran], -1) * valid[..., None]
            hidden.append(torch.cat([state.hidden for _, state in ran], -1))
            cell.append([state.cell for _, state in ran if state.cell is not None])
        carried = torch.cat([torch.cat(each, -1) for each in cell], 1) if cell[0] else None
        return inputs, RecurrentState(torch.cat(hidden, 1), carried)

    def _ran(
        self, number: int, inputs: Tensor, valid: Tensor, backwards: bool
    ) -> tuple[Tensor, RecurrentState]:
        """One stack in its direction; at padding the state stands still."""
        stack: RecurrentStack = self.stacks[number]  # type: ignore[assignment]
        state = stack.zeros(inputs)
        masks = stack.masks(inputs) if self.variational and self.training else None
        outputs = [inputs.new_zeros(inputs.size(0), stack.hidden_size)] * inputs.size(1)
        steps = range(inputs.size(1))
        for s in reversed(steps) if backwards else steps:
            real = valid[:, s, None, None]
            new = stack.step(inputs[:, s], state, masks)
            hidden = torch.where(real, new.hidden, state.hidden)
            if new.cell is None or state.cell is None:
                state = RecurrentState(hidden)
            else:
                state = RecurrentState(hidden, torch.where(real, new.cell, state.cell))
            outputs[s] = hidden[:, -1]
        empty = inputs.new_zeros(inputs.size(0), 0, stack.hidden_size)
        return torch.stack(outputs, 1) if outputs else empty, state

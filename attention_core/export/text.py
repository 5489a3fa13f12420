"""A text encoder in ONNX's own recurrent operators, which read padded batches as they are."""

import torch
from torch import Tensor, nn
from torch.onnx.ops import symbolic_multi_out

from attention_core.errors import UserError
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.types import Encoded, RecurrentState

# By the number of gates: the operator, the order in which it has torch's gates, its own settings.
OPERATORS: dict[int, tuple[str, tuple[int, ...], dict[str, int | str]]] = {
    4: ("LSTM", (0, 3, 1, 2), {}),
    3: ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    1: ("RNN", (0,), {}),
}


class OnnxTextEncoder(nn.Module):
    """The numbers of a ``TextEncoder`` in evaluation mode, exportable to ONNX.

    torch runs its kernel over packed sequences, which ONNX doesn't know; ONNX's LSTM, GRU and RNN
    take the length of each row instead. Their gates stand in another order.

    Raises UserError for layer-normalised cells, which no operator of ONNX has.

    >>> encoder = TextEncoder(nn.Embedding(10, 4), "gru", 3, layers=2)
    >>> [len(layer) for layer in OnnxTextEncoder(encoder).layers]  # W, R and b of each
    [3, 3]
    """

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.embedding = encoder.embedding
        self.directions = encoder.directions
        self.hidden = encoder.output_size // encoder.directions
        self.layers = nn.ModuleList(
            nn.ParameterList(nn.Parameter(x, requires_grad=False) for x in layer)
            for layer in map(self._layer, _weights(encoder))
        )

    def _layer(self, directions: list[list[Tensor]]) -> list[Tensor]:
        """W (D, G·H, I), R (D, G·H, H) and b (D, 2·G·H) of a layer."""
        self.gates = directions[0][0].size(0) // self.hidden
        order = OPERATORS[self.gates][1]
        inputs, states, *biases = [
            torch.stack([torch.cat([w.chunk(self.gates)[gate] for gate in order]) for w in same])
            for same in zip(*directions, strict=True)
        ]
        return [inputs.detach(), states.detach(), torch.cat(biases, 1).detach()]

    def forward(self, tokens: Tensor, valid: Tensor) -> Encoded:
        values: Tensor = self.embedding(tokens)
        lengths = valid.sum(1).to(torch.int32)
        hidden, cells = [], []
        for layer in self.layers:
            assert isinstance(layer, nn.ParameterList)
            values, last, cell = self._run(values, lengths, list(layer))
            hidden.append(last)
            cells.append(cell)
        final = RecurrentState(
            torch.stack(hidden, 1), torch.stack(cells, 1) if self.gates == 4 else None
        )
        return Encoded(values * valid[..., None], valid, hidden[-1], final)

    def _run(
        self, inputs: Tensor, lengths: Tensor, weights: list[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A layer: inputs (B, S, I) -> outputs (B, S, D·H), the last states (B, D·H)."""
        operator, _, settings = OPERATORS[self.gates]
        sources, steps, _ = inputs.shape
        state = (self.directions, sources, self.hidden)
        states = [inputs.new_zeros(state)] * (2 if self.gates == 4 else 1)
        shapes = [(steps, *state), *([state] * len(states))]
        outputs, *last = symbolic_multi_out(
            f"::{operator}",
            (inputs.transpose(0, 1), *weights, lengths, *states),
            {
                "hidden_size": self.hidden,
                "direction": "bidirectional" if self.directions == 2 else "forward",
                **settings,
            },
            dtypes=[inputs.dtype] * len(shapes),
            shapes=shapes,
        )
        hidden, cell = (x.transpose(0, 1).flatten(1) for x in (last[0], last[-1]))
        return outputs.permute(2, 0, 1, 3).flatten(2), hidden, cell


def _weights(encoder: TextEncoder) -> list[list[list[Tensor]]]:
    """Of each layer, of each direction: weight_ih, weight_hh, bias_ih, bias_hh."""
    every: list[list[Tensor]]
    if isinstance(encoder.rnn, nn.RNNBase):
        every = [list(each) for each in encoder.rnn.all_weights]
    else:
        if any(each.normalised for each in encoder.rnn.stacks):
            raise UserError(
                "layer-normalised text encoders can't be exported: ONNX has no operator for them"
            )
        every = [list(each.parameters()) for each in encoder.rnn.stacks]
    return [every[i : i + encoder.directions] for i in range(0, len(every), encoder.directions)]

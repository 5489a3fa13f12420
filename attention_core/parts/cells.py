"""Layer-normalised recurrent cells, called as torch's are. Ba et al. 2016, §3.1 and its appendix.

Each LN has its own gain and bias; σ is the logistic function.
"""

import torch
from torch import Tensor, nn


class _Normalised(nn.Module):
    """LN(W_x x) and LN(W_h h) of all gates."""

    def __init__(self, input_size: int, hidden_size: int, gates: int) -> None:
        super().__init__()
        width = gates * hidden_size
        self.input = nn.Linear(input_size, width, bias=False)
        self.recurrent = nn.Linear(hidden_size, width, bias=False)
        self.input_norm = nn.LayerNorm(width)
        self.recurrent_norm = nn.LayerNorm(width)
        for matrix in (self.input.weight, self.recurrent.weight):
            nn.init.uniform_(matrix, -(hidden_size**-0.5), hidden_size**-0.5)

    def projected(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.input_norm(self.input(inputs)), self.recurrent_norm(self.recurrent(hidden))


class NormalisedTanhCell(_Normalised):
    """h_t = tanh(LN(W_x x_t) + LN(W_h h_{t-1})).

    >>> NormalisedTanhCell(3, 5)(torch.zeros(2, 3), torch.zeros(2, 5)).shape
    torch.Size([2, 5])
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, 1)

    def forward(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        ours, theirs = self.projected(inputs, hidden)
        return torch.tanh(ours + theirs)


class NormalisedGRUCell(_Normalised):
    """[r; z] = σ(LN(W_x x) + LN(W_h h)),  n = tanh(LN(W_x x) + r ⊙ LN(W_h h)),
    h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}: torch's GRU with each product normalised.

    >>> NormalisedGRUCell(3, 5)(torch.zeros(2, 3), torch.zeros(2, 5)).shape
    torch.Size([2, 5])
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, 3)

    def forward(self, inputs: Tensor, hidden: Tensor) -> Tensor:
        ours, theirs = self.projected(inputs, hidden)
        size = 2 * hidden.size(-1)
        reset, update = torch.sigmoid(ours[:, :size] + theirs[:, :size]).chunk(2, -1)
        new = torch.tanh(ours[:, size:] + reset * theirs[:, size:])
        return torch.lerp(new, hidden.to(new.dtype), update.to(new.dtype))


class NormalisedLSTMCell(_Normalised):
    """[i; f; g; o] = LN(W_x x) + LN(W_h h),  m_t = σ(f) ⊙ m_{t-1} + σ(i) ⊙ tanh(g),
    h_t = σ(o) ⊙ tanh(LN(m_t)).

    >>> hidden, carried = NormalisedLSTMCell(3, 5)(torch.zeros(2, 3), (torch.zeros(2, 5),) * 2)
    >>> hidden.shape, carried.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, 4)
        self.cell_norm = nn.LayerNorm(hidden_size)

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        hidden, carried = state
        ours, theirs = self.projected(inputs, hidden)
        new, kept, gained, out = (ours + theirs).chunk(4, -1)
        carried = torch.sigmoid(kept) * carried + torch.sigmoid(new) * torch.tanh(gained)
        return torch.sigmoid(out) * torch.tanh(self.cell_norm(carried)), carried


NORMALISED = {"gru": NormalisedGRUCell, "lstm": NormalisedLSTMCell, "tanh": NormalisedTanhCell}

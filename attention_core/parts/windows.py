"""Windows: the positions of the source that attention may look at in a step.

``window(query (B, M, Q), valid (B, S), position (B, M)) -> allowed (B, M, S) bool, and what to
multiply the weights with (B, M, S), or None``. Places are counted over real positions, from 0.
Everywhere is no window at all.
"""

import torch
from torch import Tensor, nn


class LocalMonotonic(nn.Module):
    """p_t = t and |s - p_t| ≤ D. Luong et al. 2015, §3.2, "local-m", with D = ``reach``.

    Departure: p_t stays at the last position once the target is longer than the source, where the
    paper's window would be empty.

    >>> valid, step = torch.ones(1, 5, dtype=torch.bool), torch.tensor([[0, 3]])
    >>> LocalMonotonic(1)(torch.zeros(1, 2, 4), valid, step)[0].int()
    tensor([[[1, 1, 0, 0, 0],
             [0, 0, 1, 1, 1]]], dtype=torch.int32)
    """

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = _checked(reach)

    def forward(self, query: Tensor, valid: Tensor, position: Tensor) -> tuple[Tensor, None]:
        centre = torch.minimum(position, (valid.sum(1, keepdim=True) - 1))
        return (_places(valid) - centre[..., None]).abs() <= self.reach, None


class LocalPredictive(nn.Module):
    """p_t = S · σ(v_pᵀ tanh(W_p q)) and |s - p_t| ≤ D, weights times exp(-(s - p_t)² / 2σ²).

    Luong et al. 2015, §3.2, "local-p", eq. 9 and 10, with D = ``reach``, σ = D / 2 and S the number
    of real positions. The weights sum to less than one, as in the paper.

    >>> window = LocalPredictive(query_size=4, size=3, reach=2)
    >>> allowed, factor = window(torch.zeros(1, 1, 4), torch.ones(1, 6, dtype=torch.bool), None)
    >>> allowed.int(), factor[0, 0, 3].item()  # p_t = 6 · σ(0) = 3
    (tensor([[[0, 1, 1, 1, 1, 1]]], dtype=torch.int32), 1.0)
    """

    def __init__(self, query_size: int, size: int, reach: int) -> None:
        super().__init__()
        self.reach = _checked(reach)
        self.query = nn.Linear(query_size, size, bias=False)
        self.place = nn.Linear(size, 1, bias=False)

    def forward(
        self, query: Tensor, valid: Tensor, position: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        share = torch.sigmoid(self.place(torch.tanh(self.query(query))))  # (B, M, 1)
        precision = torch.promote_types(share.dtype, torch.float32)  # bfloat16 has 8 bits for 300
        centre = valid.sum(1)[:, None, None] * share.to(precision)
        distance = _places(valid) - centre
        factor = torch.exp(-2 * (distance / self.reach).square())
        return distance.abs() <= self.reach, factor


def _places(valid: Tensor) -> Tensor:
    """(B, 1, S): how many real positions come before each."""
    return (valid.cumsum(1) - 1)[:, None]


def _checked(reach: int) -> int:
    if reach < 1:
        raise ValueError(f"reach: expected at least 1, got {reach}")
    return reach

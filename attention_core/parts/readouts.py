"""Readouts: the features that the vocabulary is scored with.

``readout(hidden (..., H), context (..., V) or None, embedded (..., E)) -> features (..., R')``.
"""

import torch
from torch import Tensor, nn


class HiddenReadout(nn.Module):
    """r = s_t. Sutskever et al. 2014, §2; Vinyals et al. 2015, §3.1.

    >>> HiddenReadout(5)(torch.ones(2, 5), None, torch.zeros(2, 4)).shape
    torch.Size([2, 5])
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.output_size = hidden_size

    def forward(self, hidden: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        return hidden


class DeepReadout(nn.Module):
    """r = f(W_s s_t + W_y y_{t-1} + W_c c_t + b).

    With f = maxout over pairs: Bahdanau et al. 2014, §A.2.2. With f = tanh: Xu et al. 2015, eq. 7
    has the linear form.

    >>> readout = DeepReadout(5, 6, 4, output_size=3, maxout=True)
    >>> readout(torch.ones(2, 5), torch.ones(2, 6), torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        hidden_size: int,
        context_size: int,
        embedding_size: int,
        output_size: int,
        *,
        maxout: bool,
    ) -> None:
        super().__init__()
        self.maxout = maxout
        self.output_size = output_size
        width = output_size * (2 if maxout else 1)
        self.mix = nn.Linear(hidden_size + context_size + embedding_size, width)

    def forward(self, hidden: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        parts = [hidden, embedded] if context is None else [hidden, context, embedded]
        mixed: Tensor = self.mix(torch.cat(parts, -1))
        if self.maxout:
            pairs: Tensor = mixed.unflatten(-1, (-1, 2))
            return pairs.amax(-1)
        return torch.tanh(mixed)


class AttentionalReadout(nn.Module):
    """r = tanh(W_c [c_t; s_t]). Luong et al. 2015, eq. 5.

    >>> AttentionalReadout(5, 6, 3)(torch.ones(2, 5), torch.ones(2, 6), torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, hidden_size: int, context_size: int, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.mix = nn.Linear(context_size + hidden_size, output_size, bias=False)

    def forward(self, hidden: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        return torch.tanh(self.mix(torch.cat([_needed(context), hidden], -1)))


class FeedForwardReadout(nn.Module):
    """r = max(0, W [s_t; c_t] + b): a feed-forward output layer over state and context.

    >>> FeedForwardReadout(5, 6, 3)(torch.ones(2, 5), torch.ones(2, 6), torch.ones(2, 4)).min() >= 0
    tensor(True)
    """

    def __init__(self, hidden_size: int, context_size: int, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.mix = nn.Linear(hidden_size + context_size, output_size)

    def forward(self, hidden: Tensor, context: Tensor | None, embedded: Tensor) -> Tensor:
        return torch.relu(self.mix(torch.cat([hidden, _needed(context)], -1)))


def _needed(context: Tensor | None) -> Tensor:
    if context is None:
        raise ValueError("context: expected (..., V), got None: this readout needs attention")
    return context

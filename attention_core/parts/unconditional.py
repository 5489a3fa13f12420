"""An encoder of no source, for decoders that are language models."""

import torch
from torch import Tensor, nn

from attention_core.parts.types import Encoded


class Unconditional(nn.Module):
    """The same learned vector for every row: p(y | x) becomes p(y), a language model.

    With it in an encoder's place, objectives and searches serve a language model as they are
    (Mikolov et al. 2010, §2, whose first state is fixed; here it is learned through the start).

    Shapes: any tensor of B rows, only counted -> values (B, 1, V), summary (B, V).

    >>> encoded = Unconditional(4)(torch.zeros(2, 7))
    >>> encoded.values.shape, encoded.summary.shape, encoded.valid.tolist()
    (torch.Size([2, 1, 4]), torch.Size([2, 4]), [[True], [True]])
    """

    def __init__(self, value_size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(value_size) * value_size**-0.5)

    def forward(self, rows: Tensor) -> Encoded:
        summary = self.vector.expand(rows.size(0), -1)
        valid = torch.ones(rows.size(0), 1, dtype=torch.bool, device=self.vector.device)
        return Encoded(summary[:, None], valid, summary)

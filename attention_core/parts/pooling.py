"""Attention that makes one vector of a source, for what has a single output."""

import torch
from torch import Tensor, nn

from attention_core.parts.checks import check
from attention_core.parts.masks import masked_softmax
from attention_core.parts.scorers import Scorer
from attention_core.parts.types import Encoded


class AttentionPooling(nn.Module):
    """c = Σ_s α_s h_s with α = softmax over real positions of e(q, h_s), and q a learned query.

    Yang et al. 2016, §2.2 (word attention), with any scorer. With ``Additive``, W_s q is a bias:
    e = vᵀ tanh(W_h h_s + b), and v is the paper's context vector u_w. With ``Dot``, q is.

    Shapes: the values (B, S, V) of ``encoded`` -> pooled (B, V), weights (B, S). A source without
    real positions is all zeros.

    Raises ValueError where values, keys and ``valid`` don't fit each other or the scorer.

    >>> from attention_core import Dot
    >>> values, valid = torch.ones(1, 3, 2), torch.tensor([[True, True, False]])
    >>> AttentionPooling(Dot(2, 2))(Encoded(values, valid, values.mean(1)))[1]
    tensor([[0.5000, 0.5000, 0.0000]], grad_fn=<SelectBackward0>)
    """

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        if scorer.coverage is not None:
            raise ValueError("scorer: expected one without coverage, got one that looks only once")
        self.scorer = scorer
        self.query = nn.Parameter(torch.randn(scorer.query_size) * scorer.query_size**-0.5)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        check("encoded.values", encoded.values, None, None, None)
        sources, positions, _ = encoded.values.shape
        check("encoded.valid", encoded.valid, sources, positions, dtype=torch.bool)
        name = "encoded.values" if encoded.keys is None else "encoded.keys"
        keys = encoded.values if encoded.keys is None else encoded.keys
        check(name, keys, sources, positions, self.scorer.value_size)
        scores = self.scorer(self.query.expand(sources, 1, -1), self.scorer.project_keys(keys))
        weights = masked_softmax(scores, encoded.valid[:, None])
        pooled = weights.to(encoded.values.dtype) @ encoded.values
        return pooled[:, 0], weights[:, 0]

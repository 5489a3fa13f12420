"""Where a decoder's context comes from: attention over the memory, or a fixed summary.

Both answer ``(query (B, M, Q), memory, position (B, M)) -> context (B, M, V), weights (B, M, S)``.
"""

import torch
from torch import Tensor, nn

from attention_core.parts.checks import check
from attention_core.parts.masks import masked_softmax
from attention_core.parts.scorers import Scorer
from attention_core.parts.sentinel import Sentinel
from attention_core.parts.types import Memory
from attention_core.parts.windows import LocalMonotonic, LocalPredictive


class Attention(nn.Module):
    """c = Σ_s α_s h_s with α = softmax over real positions of the scorer's energies.

    Bahdanau et al. 2014, §3.1. With ``window``, over the positions that it allows: Luong et al.
    2015, §3.2. With ``gate``, c is scaled by β = σ(w·q + b), so that the decoder can look away: Xu
    et al. 2015, §4.2.1. A sentinel takes its part β of the softmax, so that the weights sum to
    1 - β, and β times its value is added to c: Lu et al. 2017, §2.3, eq. 11 and 12.

    Raises ValueError for a query of the wrong shape, a memory without keys, or where the coverage
    that the scorer takes is missing.

    >>> from attention_core import Dot
    >>> attention = Attention(Dot(2, 2))
    >>> values = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> memory = Memory(values, values, torch.tensor([[True, True]]), values.mean(1))
    >>> attention(torch.tensor([[[1.0, 1.0]]]), memory, torch.tensor([[0]]))
    (tensor([[[0.5000, 0.5000]]]), tensor([[[0.5000, 0.5000]]]))
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        window: LocalMonotonic | LocalPredictive | None = None,
        gate: nn.Linear | None = None,
    ) -> None:
        super().__init__()
        self.scorer = scorer
        self.window = window
        self.gate = gate

    def forward(
        self,
        query: Tensor,
        memory: Memory,
        position: Tensor,
        coverage: Tensor | None = None,
        sentinel: Sentinel | None = None,
    ) -> tuple[Tensor, Tensor]:
        if memory.keys is None:
            raise ValueError("memory.keys: expected (B, S, K), got None: use decoder.remember")
        check("query", query, memory.valid.size(0), None, self.scorer.query_size)
        if self.scorer.coverage is None:
            scores = self.scorer(query, memory.keys)
        elif coverage is None:
            raise ValueError("coverage: expected (B, M, S), got None: this scorer needs it")
        else:
            scores = self.scorer(query, memory.keys, coverage)
        valid, factor = memory.valid[:, None], None
        if self.window is not None:
            allowed, factor = self.window(query, memory.valid, position)
            valid = valid & allowed
        if sentinel is None:
            weights = masked_softmax(scores, valid)
        else:
            weights, rest = self._beside(sentinel, query, scores, valid)
        if factor is not None:
            weights = weights * factor
        context = weights.to(memory.values.dtype) @ memory.values
        if sentinel is not None:
            context = context + rest.to(memory.values.dtype) * sentinel.value
        if self.gate is not None:
            context = torch.sigmoid(self.gate(query)) * context
        return context, weights

    def _beside(
        self, sentinel: Sentinel, query: Tensor, scores: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weights (B, M, S) and β (B, M, 1), with one more candidate for each query."""
        key = self.scorer.finish_keys(sentinel.key)
        own = self.scorer(query.flatten(0, 1)[:, None], key.flatten(0, 1)[:, None])
        own = own.view(*query.shape[:2], 1)
        real = valid.expand_as(scores)
        weights = masked_softmax(
            torch.cat([scores, own], -1), torch.cat([real, torch.ones_like(own).bool()], -1)
        )
        return weights[..., :-1], weights[..., -1:]


class FixedContext(nn.Module):
    """The same summary C of the source at every step, without attention. Cho et al. 2014, §2.2.

    >>> values, valid = torch.zeros(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)
    >>> memory = Memory(values, None, valid, summary=torch.tensor([[1.0, 2.0]]))
    >>> FixedContext()(torch.zeros(1, 2, 4), memory, torch.tensor([[0, 1]]))
    (tensor([[[1., 2.],
             [1., 2.]]]), None)
    """

    def forward(self, query: Tensor, memory: Memory, position: Tensor) -> tuple[Tensor, None]:
        return memory.summary[:, None].expand(-1, query.size(1), -1), None

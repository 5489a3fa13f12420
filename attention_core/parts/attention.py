"""Where a decoder's context comes from: attention over the memory, or a fixed summary.

Both answer ``(query (B, M, Q), memory, position (B, M)) -> context (B, M, V), weights (B, M, S)``.
"""

import torch
from torch import Tensor, nn

from attention_core.parts.masks import masked_softmax
from attention_core.parts.scorers import Scorer
from attention_core.parts.types import Memory


class Attention(nn.Module):
    """c = Σ_s α_s h_s with α = softmax over real positions of the scorer's energies.

    Bahdanau et al. 2014, §3.1. With ``gate``, c is scaled by β = σ(w·q + b), so that the decoder
    can look away: Xu et al. 2015, §4.2.1.
    """

    def __init__(self, scorer: Scorer, *, gate: nn.Linear | None = None) -> None:
        super().__init__()
        self.scorer = scorer
        self.gate = gate

    def forward(self, query: Tensor, memory: Memory, position: Tensor) -> tuple[Tensor, Tensor]:
        if memory.keys is None:
            raise ValueError("memory.keys: expected (B, S, K), got None: use decoder.remember")
        weights = masked_softmax(self.scorer(query, memory.keys), memory.valid[:, None])
        context = weights.to(memory.values.dtype) @ memory.values
        if self.gate is not None:
            context = torch.sigmoid(self.gate(query)) * context
        return context, weights


class FixedContext(nn.Module):
    """The same summary C of the source at every step, without attention. Cho et al. 2014, §2.2."""

    def forward(self, query: Tensor, memory: Memory, position: Tensor) -> tuple[Tensor, None]:
        return memory.summary[:, None].expand(-1, query.size(1), -1), None

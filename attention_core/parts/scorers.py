"""Scorers: how well a query matches each key.

Every scorer projects the values to keys once per source (``project_keys``) and scores
queries against them (``forward``).
Shapes: values (B, S, V), keys (B, S, K), query (B, M, Q) -> scores (B, M, S), for any number M
of queries per source.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Scorer(nn.Module):
    """A compatibility function e(query, key)."""

    def project_keys(self, values: Tensor) -> Tensor:
        """Keys (B, S, K) of the values (B, S, V)."""
        return values


class Dot(Scorer):
    """e = qᵀh. Query and value sizes must agree. Luong et al. 2015, §3.1, "dot"."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        if query_size != value_size:
            raise ValueError(
                f"dot scorer: expected equal sizes, got query {query_size}, value {value_size}"
            )

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return query @ keys.transpose(1, 2)


class ScaledDot(Scorer):
    """e = (W_Q q)ᵀ(W_K h) / √K. Vaswani et al. 2017, §3.2.1, one head."""

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, key_size, bias=False)
        self.key = nn.Linear(value_size, key_size, bias=False)
        self.scale = 1 / math.sqrt(key_size)

    def project_keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.key(values)
        return keys * self.scale

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        projected: Tensor = self.query(query)
        return projected @ keys.transpose(1, 2)


class Bilinear(Scorer):
    """e = qᵀW h. Luong et al. 2015, §3.1, "general"."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(value_size, query_size, bias=False)

    def project_keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.key(values)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return query @ keys.transpose(1, 2)


class Additive(Scorer):
    """e = vᵀ tanh(W_s q + W_h h + b). Bahdanau et al. 2014, §A.1.2."""

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, key_size, bias=False)
        self.key = nn.Linear(value_size, key_size)
        self.energy = nn.Linear(key_size, 1, bias=False)

    def project_keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.key(values)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        mixed = torch.tanh(self.query(query)[:, :, None] + keys[:, None])  # (B, M, S, K)
        scores: Tensor = self.energy(mixed)
        return scores.squeeze(-1)


class Concat(Scorer):
    """e = vᵀ tanh(W [h; q]). Luong et al. 2015, §3.1, "concat": additive with one joint matrix."""

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__()
        self.joint = nn.Linear(value_size + query_size, key_size, bias=False)
        self.energy = nn.Linear(key_size, 1, bias=False)
        self.value_size = value_size

    def project_keys(self, values: Tensor) -> Tensor:
        return F.linear(values, self.joint.weight[:, : self.value_size])

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        projected = F.linear(query, self.joint.weight[:, self.value_size :])
        scores: Tensor = self.energy(torch.tanh(projected[:, :, None] + keys[:, None]))
        return scores.squeeze(-1)


class Cosine(Scorer):
    """e = exp(β) · cos(q, h), β learned. Graves et al. 2014, §3.3.1."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        if query_size != value_size:
            raise ValueError(
                f"cosine scorer: expected equal sizes, got query {query_size}, value {value_size}"
            )
        self.log_strength = nn.Parameter(torch.zeros(()))

    def project_keys(self, values: Tensor) -> Tensor:
        return F.normalize(values, dim=-1)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return self.log_strength.exp() * F.normalize(query, dim=-1) @ keys.transpose(1, 2)

"""Scorers: how well a query matches each key.

Every scorer projects what it compares queries with, the values or keys of their own, once per
source (``project_keys``), and scores queries against the projection (``forward``).
Shapes: values (B, S, V), keys (B, S, K), query (B, M, Q), coverage (B, M, S) -> scores (B, M, S),
for any number M of queries per source.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.errors import UserError, nearest


class Scorer(nn.Module):
    """A compatibility function e(query, key).

    >>> scorer = Scorer(query_size=4, value_size=4, key_size=4)
    >>> scorer.project_keys(torch.ones(1, 2, 4)).shape  # unless projected, the values are the keys
    torch.Size([1, 2, 4])
    """

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__()
        self.query_size = query_size  # Q
        self.value_size = value_size  # of what the keys are projections of
        self.key_size = key_size  # K
        self.coverage: nn.Linear | None = None  # where set, ``forward`` takes the coverage so far

    def project_keys(self, values: Tensor) -> Tensor:
        """Keys (B, S, K) of the values (B, S, V)."""
        return values

    def finish_keys(self, projected: Tensor) -> Tensor:
        """Keys (..., K) of what another matrix has projected, as a sentinel's: ``project_keys``
        without its own.
        """
        return projected


class Dot(Scorer):
    """e = qᵀh. Query and value sizes must agree. Luong et al. 2015, §3.1, "dot".

    >>> keys = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    >>> Dot(2, 2)(torch.tensor([[[2.0, 3.0]]]), keys)
    tensor([[[2., 5.]]])
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__(query_size, value_size, value_size)
        _agree("dot", query_size, value_size)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return query @ keys.transpose(1, 2)


class ScaledDot(Scorer):
    """e = (W_Q q)ᵀ(W_K h) / √K. Vaswani et al. 2017, §3.2.1, one head.

    >>> scorer = ScaledDot(query_size=3, value_size=5, key_size=4)
    >>> scorer(torch.zeros(1, 2, 3), scorer.project_keys(torch.ones(1, 6, 5))).shape
    torch.Size([1, 2, 6])
    """

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__(query_size, value_size, key_size)
        self.query = nn.Linear(query_size, key_size, bias=False)
        self.key = nn.Linear(value_size, key_size, bias=False)
        self.scale = 1 / math.sqrt(key_size)

    def project_keys(self, values: Tensor) -> Tensor:
        return self.finish_keys(self.key(values))

    def finish_keys(self, projected: Tensor) -> Tensor:
        return projected * self.scale

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        projected: Tensor = self.query(query)
        return projected @ keys.transpose(1, 2)


class Bilinear(Scorer):
    """e = qᵀW h. Luong et al. 2015, §3.1, "general".

    >>> scorer = Bilinear(query_size=3, value_size=5)
    >>> scorer.project_keys(torch.ones(1, 6, 5)).shape  # W h, once per source
    torch.Size([1, 6, 3])
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__(query_size, value_size, query_size)
        self.key = nn.Linear(value_size, query_size, bias=False)

    def project_keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.key(values)
        return keys

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return query @ keys.transpose(1, 2)


class Additive(Scorer):
    """e = vᵀ tanh(W_s q + W_h h + b). Bahdanau et al. 2014, §A.1.2.

    With ``coverage``, + w_c Σ_{t' < t} α_t's within the tanh, so that it knows what was looked at:
    Tu et al. 2016, §3.1.1 (linguistic coverage); See et al. 2017, eq. 11.

    >>> scorer = Additive(query_size=3, value_size=5, key_size=4, coverage=True)
    >>> keys = scorer.project_keys(torch.ones(1, 6, 5))
    >>> scorer(torch.zeros(1, 2, 3), keys, torch.zeros(1, 2, 6)).shape
    torch.Size([1, 2, 6])
    """

    def __init__(
        self, query_size: int, value_size: int, key_size: int, *, coverage: bool = False
    ) -> None:
        super().__init__(query_size, value_size, key_size)
        self.query = nn.Linear(query_size, key_size, bias=False)
        self.key = nn.Linear(value_size, key_size)
        self.energy = nn.Linear(key_size, 1, bias=False)
        if coverage:
            self.coverage = nn.Linear(1, key_size, bias=False)

    def project_keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.key(values)
        return keys

    def forward(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        mixed = self.query(query)[:, :, None] + keys[:, None]  # (B, M, S, K)
        if self.coverage is not None and coverage is not None:
            mixed = mixed + self.coverage(coverage[..., None].to(mixed.dtype))
        return _energies(self.energy.weight, mixed)


class Concat(Scorer):
    """e = vᵀ tanh(W [h; q]). Luong et al. 2015, §3.1, "concat": additive with one joint matrix.

    >>> scorer = Concat(query_size=3, value_size=5, key_size=4)
    >>> scorer.joint.weight.shape
    torch.Size([4, 8])
    """

    def __init__(self, query_size: int, value_size: int, key_size: int) -> None:
        super().__init__(query_size, value_size, key_size)
        self.joint = nn.Linear(value_size + query_size, key_size, bias=False)
        self.energy = nn.Linear(key_size, 1, bias=False)

    def project_keys(self, values: Tensor) -> Tensor:
        return F.linear(values, self.joint.weight[:, : self.value_size])

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        projected = F.linear(query, self.joint.weight[:, self.value_size :])
        return _energies(self.energy.weight, projected[:, :, None] + keys[:, None])


class Cosine(Scorer):
    """e = exp(β) · cos(q, h), β learned. Graves et al. 2014, §3.3.1.

    >>> scorer = Cosine(2, 2)
    >>> keys = scorer.project_keys(torch.tensor([[[5.0, 0.0], [0.0, 0.1], [-3.0, 0.0]]]))
    >>> scorer(torch.tensor([[[2.0, 0.0]]]), keys).tolist()
    [[[1.0, 0.0, -1.0]]]
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__(query_size, value_size, value_size)
        _agree("cosine", query_size, value_size)
        self.log_strength = nn.Parameter(torch.zeros(()))

    def project_keys(self, values: Tensor) -> Tensor:
        return self.finish_keys(values)

    def finish_keys(self, projected: Tensor) -> Tensor:
        return F.normalize(projected, dim=-1)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return self.log_strength.exp() * F.normalize(query, dim=-1) @ keys.transpose(1, 2)


SCORERS: dict[str, Callable[[int, int, int], Scorer]] = {
    "additive": Additive,
    "bilinear": lambda query_size, value_size, key_size: Bilinear(query_size, value_size),
    "concat": Concat,
    "cosine": lambda query_size, value_size, key_size: Cosine(query_size, value_size),
    "dot": lambda query_size, value_size, key_size: Dot(query_size, value_size),
    "scaled_dot": ScaledDot,
}


def build_scorer(name: str, query_size: int, value_size: int, key_size: int) -> Scorer:
    """The scorer of that name; those that have no keys of their own leave ``key_size`` aside.

    Raises UserError for an unknown name (with the nearest) or sizes that don't fit.

    >>> build_scorer("bilinear", 3, 5, 4)
    Bilinear(
      (key): Linear(in_features=5, out_features=3, bias=False)
    )
    """
    if name not in SCORERS:
        raise UserError(f"unknown scorer {name!r}.{nearest(name, SCORERS)}")
    return SCORERS[name](query_size, value_size, key_size)


def _energies(weight: Tensor, mixed: Tensor) -> Tensor:
    """vᵀ tanh(x) of v (1, K), x (..., K), by tanh x = 2σ(2x) - 1: on a CPU σ takes a sixth of the
    time of tanh, which would be a tenth of a search's. It writes over x.
    """
    halves = F.linear(mixed.mul_(2).sigmoid_(), weight).squeeze(-1)
    return 2 * halves - weight.sum()


def _agree(name: str, query_size: int, value_size: int) -> None:
    if query_size != value_size:
        raise UserError(
            f"{name} scorer: expected equal sizes, got query {query_size}, value {value_size}"
        )

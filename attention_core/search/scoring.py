"""How hypotheses are ranked: score = Σ_t log p_t / T^α + β Σ_s log min(Σ_t α_ts, 1)."""

from torch import Tensor

LEAST = 1e-10  # a position looked at less counts as this much: no score is infinite


def coverage_score(coverage: Tensor, valid: Tensor) -> Tensor:
    """Σ_s log min(c_s, 1) over real positions, at most 0. Wu et al. 2016, §7, eq. 14.

    Shapes: coverage (..., S), the attention c_s = Σ_t α_ts that a position got from all tokens;
    valid (..., S) bool.

    >>> import torch
    >>> coverage_score(torch.tensor([1.5, 0.5, 0.0]), torch.tensor([True, True, False]))
    tensor(-0.6931)
    """
    return coverage.clamp(LEAST, 1.0).log().where(valid, 0.0).sum(-1)

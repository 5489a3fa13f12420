"""How good an output is likely to be, told beforehand from what is known of it.

A generalised linear model,

    q ≈ σ(a_l + Σ_k b_k (x_k - m_k) / d_k),

with an intercept a_l for each language, fitted to the quality that was measured on held-out data
(glass-box quality estimation: Fomicheva et al. 2020, §3). What the inputs x are, and what quality
is, is a task's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from attention_core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-4
_STEPS = 200


@dataclass(frozen=True)
class Quality:
    """The fitted model.

    >>> round(Quality([0.0], [1.0], [1.0], {"de": 0.0}).of([-0.5], "de"), 3)  # 1 / (1 + e^0.5)
    0.378
    """

    means: list[float]  # m
    deviations: list[float]  # d
    slopes: list[float]  # b
    intercepts: dict[str, float]  # a, by language

    def of(self, inputs: Sequence[float], language: str) -> float:
        """The quality, from 0 to 1, that can be expected.

        Raises UserError for a language that it was not fitted for.
        """
        self.check(language)
        scaled = zip(inputs, self.means, self.deviations, self.slopes, strict=True)
        gain = self.intercepts[language] + sum(b * (x - m) / d for x, m, d, b in scaled)
        return 1 / (1 + math.exp(-max(gain, -500.0)))  # which e can be raised to

    def check(self, language: str) -> None:
        """Raises UserError for a language that it was not fitted for."""
        if language not in self.intercepts:
            raise UserError(f"the confidence was not fitted for {language!r}: calibrate it again")

    def to_bytes(self) -> bytes:
        """As a JSON file."""
        return json.dumps(asdict(self)).encode()


def fit_quality(
    given: Sequence[Sequence[float]], measured: Sequence[float], languages: Sequence[str]
) -> Quality:
    """The model of least squared error on outputs of those inputs, quality (0 to 1) and language.

    >>> fit_quality([[-float(n)] for n in range(4)], [0.9, 0.7, 0.4, 0.2], ["de"] * 4).slopes[0] > 0
    True
    """
    import torch

    table = np.asarray(given, np.float64)
    means, deviations = table.mean(0), table.std(0) + 1e-6
    names = sorted(set(languages))
    features = torch.from_numpy((table - means) / deviations)
    which = torch.tensor([names.index(language) for language in languages])
    quality = torch.tensor(measured, dtype=torch.float64)
    weights = torch.zeros(table.shape[1] + len(names), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        slopes, intercepts = weights.split([table.shape[1], len(names)])
        error = torch.sigmoid(features @ slopes + intercepts[which]) - quality
        total: Tensor = error.square().mean() + RIDGE * slopes.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    slopes, intercepts = weights.detach().split([table.shape[1], len(names)])
    return Quality(
        means.tolist(),
        deviations.tolist(),
        slopes.tolist(),
        dict(zip(names, intercepts.tolist(), strict=True)),
    )

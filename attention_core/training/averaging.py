"""The mean of the weights of several validations of one run."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attention_core.training.config import TrainingConfig


class Snapshot(NamedTuple):
    """The weights at a validation, on the CPU."""

    score: float
    update: int
    weights: dict[str, Tensor]


class Snapshots:
    """The last, or the best, k validations of a run (``average`` and ``average_of``).

    A score that is not a number is the worst; of equal scores the later one is kept.

    >>> kept = Snapshots(TrainingConfig(epochs=1, average=2, average_of="best"))
    >>> for update, score in enumerate([0.1, 0.3, 0.2], start=1):
    ...     kept.add(score, update, {"w": torch.full((2,), float(update))})
    >>> kept.mean()
    {'w': tensor([2.5000, 2.5000])}
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.most = config.average
        self.by_score = config.average_of == "best"
        self.kept: list[Snapshot] = []

    def add(self, score: float, update: int, weights: Mapping[str, Tensor]) -> None:
        """Takes a copy of the weights, and drops those that are one too many."""
        if not self.most:
            return
        copy = {name: x.detach().to("cpu", copy=True) for name, x in weights.items()}
        self.kept.append(Snapshot(-math.inf if math.isnan(score) else score, update, copy))
        while len(self.kept) > self.most:
            ranks = [(self.by_score and each.score, each.update) for each in self.kept]
            del self.kept[ranks.index(min(ranks))]

    def mean(self) -> dict[str, Tensor]:
        """The mean of the weights; of whole numbers, such as counters, the latest.

        What is alike in all stays so to the last bit, be it the sign of a zero: cached features are
        of exactly these weights.
        """
        return {
            name: self._mean(name, x) if x.is_floating_point() else x
            for name, x in self.kept[-1].weights.items()
        }

    def _mean(self, name: str, latest: Tensor) -> Tensor:
        each = torch.stack([snapshot.weights[name] for snapshot in self.kept])
        return torch.where((each == latest).all(0), latest, each.mean(0))

    def state_dict(self) -> list[dict[str, Any]]:
        """The snapshots as plain values."""
        return [snapshot._asdict() for snapshot in self.kept]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Takes the snapshots that ``state_dict`` gave."""
        self.kept = [Snapshot(**snapshot) for snapshot in state]

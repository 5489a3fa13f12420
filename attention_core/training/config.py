"""The part of a recipe that every task's training shares."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train: Adam, a schedule with warm-up, gradient clipping, early stopping."""

    epochs: int = field(metadata={"min": 1})
    batch_tokens: int = field(default=2000, metadata={"min": 1})  # padded target tokens
    learning_rate: float = field(default=1e-3, metadata={"min": 0.0})
    warmup: int = field(default=500, metadata={"min": 0})  # updates
    schedule: Literal["constant", "cosine"] = "cosine"  # cosine falls to zero at the last update
    weight_decay: float = field(default=0.0, metadata={"min": 0.0})
    label_smoothing: float = field(default=0.0, metadata={"min": 0.0, "max": 1.0})
    doubly_stochastic: float = field(default=0.0, metadata={"min": 0.0})
    clip: float = field(default=1.0, metadata={"min": 0.0})
    validate_every: int = field(default=1000, metadata={"min": 1})  # updates
    patience: int = field(default=5, metadata={"min": 1})  # validations without a better score
    precision: Literal["no", "bf16"] = "no"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every task's recipe has; a task's own recipe adds its data, model and search."""

    out: str  # the folder of the run
    seed: int = field(default=1, metadata={"min": 0})
    training: TrainingConfig


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Beam search: width, the α of its length penalty, and the longest output in tokens."""

    beam: int = field(default=5, metadata={"min": 1, "max": 100})
    length_penalty: float = field(default=1.0, metadata={"min": 0.0})
    max_length: int = field(default=100, metadata={"min": 1})

"""The part of a recipe that every task's training shares."""

import math
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from attention_core.errors import UserError
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.types import DecoderState, Memory
from attention_core.recipe import check_bounds
from attention_core.search import (
    Constraint,
    Hypothesis,
    MinimumLength,
    NoRepeatedNgram,
    Step,
    beam_search,
)
from attention_core.search.beam import Stop

OF_TEACHER_FORCING = (
    "label_smoothing",
    "doubly_stochastic",
    "scheduled_sampling",
    "sampled_softmax",
    "consistency",
)


@dataclass(frozen=True, kw_only=True)
class ScheduledSampling:
    """How the probability ε_i of reading the true token decays with the updates i made so far.

    - ``linear``: ε_i = k - c i
    - ``exponential``: ε_i = k^i
    - ``inverse_sigmoid``: ε_i = k / (k + exp(i / k))

    but never below ``lowest``. Bengio et al. 2015, §2.4.

    Raises UserError where k or c don't suit the decay, or ``lowest`` is no probability.

    >>> ScheduledSampling(decay="linear", k=1.0, c=0.01, lowest=0.2).probability(30)
    0.7
    """

    decay: Literal["linear", "exponential", "inverse_sigmoid"]
    k: float
    c: float = field(default=0.0, metadata={"min": 0.0})
    lowest: float = field(default=0.0, metadata={"min": 0.0, "max": 1.0})

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.decay == "linear" and not 0 < self.k <= 1:
            raise UserError(f"k: a linear decay begins at 0 < k ≤ 1, got {self.k}")
        if self.decay == "exponential" and not 0 < self.k < 1:
            raise UserError(f"k: an exponential decay needs 0 < k < 1, got {self.k}")
        if self.decay == "inverse_sigmoid" and self.k < 1:
            raise UserError(f"k: an inverse sigmoid decay needs k ≥ 1, got {self.k}")
        if (self.decay == "linear") != (self.c > 0):
            raise UserError(f"c: the slope of a linear decay, and of no other, got {self.c}")

    def probability(self, update: int) -> float:
        """ε_i after ``update`` updates."""
        if self.decay == "linear":
            probability = self.k - self.c * update
        elif self.decay == "exponential":
            probability = self.k**update
        else:
            small = math.exp(-update / self.k)  # rather than its inverse, which overflows
            probability = self.k * small / (self.k * small + 1)
        return max(self.lowest, probability)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train: Adam, a schedule with warm-up, gradient clipping, early stopping.

    Raises UserError for settings out of bounds, and those that exclude each other.

    >>> TrainingConfig(epochs=3, schedule="plateau", patience=8).plateau
    2
    """

    epochs: int = field(metadata={"min": 1})
    batch_tokens: int = field(default=2000, metadata={"min": 1})  # padded target tokens
    accumulate: int = field(default=1, metadata={"min": 1})  # batches of an update
    learning_rate: float = field(default=1e-3, metadata={"min": 0.0})
    warmup: int = field(default=500, metadata={"min": 0})  # updates
    schedule: Literal["constant", "cosine", "inverse_sqrt", "plateau"] = "cosine"
    plateau: int = field(default=2, metadata={"min": 1})  # validations that halve the rate
    lowest_rate: float = field(default=0.0, metadata={"min": 0.0})  # that plateaus halve it to
    weight_decay: float = field(default=0.0, metadata={"min": 0.0})
    label_smoothing: float = field(default=0.0, metadata={"min": 0.0, "max": 1.0})
    doubly_stochastic: float = field(default=0.0, metadata={"min": 0.0})
    scheduled_sampling: ScheduledSampling | None = None
    sampled_softmax: int = field(default=0, metadata={"min": 0})  # candidates; 0: all words
    consistency: float = field(default=0.0, metadata={"min": 0.0})  # α of R-Drop
    clip: float = field(default=1.0, metadata={"min": 0.0})
    validate_every: int = field(default=1000, metadata={"min": 1})  # updates, or an epoch if few
    patience: int = field(default=5, metadata={"min": 1})  # validations without a better score
    average: int = field(default=0, metadata={"min": 0})  # validations whose weights are averaged
    average_of: Literal["best", "last"] = "best"
    precision: Literal["no", "bf16"] = "no"
    tensorboard: bool = False  # curves in the run's folder ``tensorboard``

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.schedule == "plateau" and self.plateau >= self.patience:
            raise UserError(
                f"plateau: {self.plateau} validations without a better score never come before"
                f" patience ends the run after {self.patience}: raise patience"
            )
        if self.lowest_rate > self.learning_rate:
            raise UserError(
                f"lowest_rate: {self.lowest_rate} is above learning_rate {self.learning_rate}"
            )
        if self.average == 1:
            raise UserError("average: the mean of one is no mean: set it to 0, or to 2 or more")
        if self.sampled_softmax and self.label_smoothing:
            raise UserError(
                "label_smoothing: it needs all words, and sampled_softmax only some: drop one"
            )
        if self.sampled_softmax and self.consistency:
            raise UserError(
                "consistency: it needs all words, and sampled_softmax only some: drop one"
            )


@dataclass(frozen=True, kw_only=True)
class SelfCriticalConfig:
    """How to go on from a trained model with the task's metric of sampled outputs as the reward.

    Raises UserError for settings out of bounds.

    >>> SelfCriticalConfig(samples=3).cross_entropy
    0.0
    """

    samples: int = field(default=5, metadata={"min": 2})  # of each source
    cross_entropy: float = field(default=0.0, metadata={"min": 0.0})  # its weight beside the reward

    def __post_init__(self) -> None:
        check_bounds(self)

    def check(self, training: TrainingConfig) -> None:
        """Raises UserError for settings of teacher forcing, which would do nothing."""
        for name in OF_TEACHER_FORCING:
            if getattr(training, name):
                raise UserError(
                    f"self_critical: training.{name} is of teacher forcing and would do nothing"
                    " here: leave it out"
                )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every task's recipe has; a task's own recipe adds its data, model and search.

    Raises UserError where it has no folder, or a seed out of bounds.

    >>> Recipe(out="runs/mine", training=TrainingConfig(epochs=3)).seed
    1
    """

    out: str  # the folder of the run
    seed: int = field(default=1, metadata={"min": 0, "max": 2**32 - 1})
    training: TrainingConfig

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.out:
            raise UserError("out: name the folder of the run, such as runs/mine")


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Beam search: width, the α of its length penalty, and the longest output in tokens.

    What else it may have is that of ``search.beam_search``: the β of a coverage penalty, when to
    stop, the shortest output, and how many tokens in a row may not come twice (0: any may).

    Raises UserError for settings out of bounds, and a shortest output longer than the longest.

    >>> SearchConfig(beam=10).max_length
    100
    """

    beam: int = field(default=5, metadata={"min": 1, "max": 100})
    length_penalty: float = field(default=1.0, metadata={"min": 0.0})
    coverage_penalty: float = field(default=0.0, metadata={"min": 0.0})
    stop: Stop = "width"
    minimum_length: int = field(default=1, metadata={"min": 1})
    no_repeat_ngram: int = field(default=0, metadata={"min": 0})
    max_length: int = field(default=100, metadata={"min": 1})

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.minimum_length > self.max_length:
            raise UserError(
                f"minimum_length: {self.minimum_length} is above max_length {self.max_length}"
            )

    def check(self, decoder: RecurrentDecoder) -> None:
        """Raises UserError where the decoder can't be searched so."""
        if self.coverage_penalty and decoder.attention is None:
            raise UserError("search.coverage_penalty: it needs a preset with attention, or set 0")

    def run(
        self,
        step: Step[Memory, DecoderState],
        memory: Memory,
        state: DecoderState,
        *,
        begin: Tensor,
        end: int,
        width: int | None = None,
        max_length: int | None = None,
    ) -> list[list[Hypothesis]]:
        """What beam search finds with these settings, or with another width or a shorter limit."""
        longest = min(max_length or self.max_length, self.max_length)
        return beam_search(
            step,
            memory,
            state,
            begin=begin.to(memory.valid.device),
            end=end,
            max_length=longest,
            width=width or self.beam,
            length_penalty=self.length_penalty,
            coverage_penalty=self.coverage_penalty,
            stop=self.stop,
            constraints=self.constraints(end, longest),
        )

    def constraints(self, end: int, longest: int | None = None) -> list[Constraint]:
        """The shortest output, or ``longest`` where that is shorter, and what may not come twice.

        >>> SearchConfig(minimum_length=3).constraints(end=2)
        [MinimumLength(length=3, end=2)]
        """
        found: list[Constraint] = []
        if self.minimum_length > 1:
            found.append(MinimumLength(min(self.minimum_length, longest or self.max_length), end))
        if self.no_repeat_ngram:
            found.append(NoRepeatedNgram(self.no_repeat_ngram))
        return found

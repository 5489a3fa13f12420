"""Training: the objective, the batches, the loop."""

from attention_core.training.batching import Batch, bucketed, pad
from attention_core.training.config import (
    Recipe,
    ScheduledSampling,
    SearchConfig,
    SelfCriticalConfig,
    TrainingConfig,
)
from attention_core.training.loop import Learner, train
from attention_core.training.losses import Objective, TeacherForcing
from attention_core.training.run import begun, fingerprint
from attention_core.training.sampled_softmax import SampledSoftmax
from attention_core.training.self_critical import SelfCritical

__all__ = [
    "Batch",
    "Learner",
    "Objective",
    "Recipe",
    "SampledSoftmax",
    "ScheduledSampling",
    "SearchConfig",
    "SelfCritical",
    "SelfCriticalConfig",
    "TeacherForcing",
    "TrainingConfig",
    "begun",
    "bucketed",
    "fingerprint",
    "pad",
    "train",
]

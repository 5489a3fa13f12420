"""Attention over recurrent decoders, as composable parts that read like the papers.

The public names below are imported on first use, so that ``import attention_core`` is quick.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

_HOME = {
    "parts.types": ["DecoderState", "Encoded", "Memory", "RecurrentState"],
    "parts.masks": ["masked_softmax", "valid_positions"],
    "parts.scorers": [
        "SCORERS",
        "Additive",
        "Bilinear",
        "Concat",
        "Cosine",
        "Dot",
        "ScaledDot",
        "Scorer",
        "build_scorer",
    ],
    "parts.windows": ["LocalMonotonic", "LocalPredictive"],
    "parts.sentinel": ["VisualSentinel"],
    "parts.attention": ["Attention", "FixedContext"],
    "parts.rnn": ["RecurrentStack"],
    "parts.encoders": ["TextEncoder"],
    "parts.unconditional": ["Unconditional"],
    "parts.pooling": ["AttentionPooling"],
    "parts.starts": ["BridgeStart", "CopyStart", "PrefixStart", "ProjectStart"],
    "parts.readouts": [
        "AttentionalReadout",
        "DeepReadout",
        "FeedForwardReadout",
        "HiddenReadout",
    ],
    "parts.adaptive": ["AdaptiveSoftmax"],
    "parts.decoder": ["RecurrentDecoder"],
    "models": ["PRESETS", "DecoderSizes", "Seq2Seq", "build_decoder"],
    "search": [
        "BeginsWith",
        "Constraint",
        "EnsembleState",
        "Hypothesis",
        "MinimumLength",
        "NoRepeatedNgram",
        "Shortlist",
        "beam_search",
        "ensemble",
        "greedy_search",
        "restricted",
        "sample",
    ],
    "training": [
        "Batch",
        "Learner",
        "Objective",
        "SampledSoftmax",
        "ScheduledSampling",
        "SearchConfig",
        "SelfCritical",
        "TeacherForcing",
        "TrainingConfig",
        "bucketed",
        "pad",
        "train",
    ],
    "tokenizer": ["Tokenizer"],
    "translation.predictor": ["Translation", "Translator"],
    "tasks": ["Task", "installed_tasks", "load_task"],
    "errors": ["UserError"],
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return __all__

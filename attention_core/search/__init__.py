"""Search over a step function ``(tokens, memory, state) -> logits, state, weights``."""

from attention_core.search.beam import beam_search
from attention_core.search.constraints import (
    BeginsWith,
    Constraint,
    MinimumLength,
    NoRepeatedNgram,
)
from attention_core.search.ensemble import EnsembleState, ensemble
from attention_core.search.greedy import greedy_search
from attention_core.search.hypothesis import Hypothesis
from attention_core.search.restriction import restricted
from attention_core.search.sampling import sample
from attention_core.search.shortlist import Shortlist
from attention_core.search.step import State, Step
from attention_core.search.watching import watched

__all__ = [
    "BeginsWith",
    "Constraint",
    "EnsembleState",
    "Hypothesis",
    "MinimumLength",
    "NoRepeatedNgram",
    "Shortlist",
    "State",
    "Step",
    "beam_search",
    "ensemble",
    "greedy_search",
    "restricted",
    "sample",
    "watched",
]

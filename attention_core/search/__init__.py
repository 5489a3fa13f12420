"""Search over a step function ``(tokens, memory, state) -> logits, state, weights``."""

from attention_core.search.beam import beam_search
from attention_core.search.greedy import greedy_search
from attention_core.search.hypothesis import Hypothesis, Step
from attention_core.search.restriction import restricted
from attention_core.search.sampling import sample

__all__ = ["Hypothesis", "Step", "beam_search", "greedy_search", "restricted", "sample"]

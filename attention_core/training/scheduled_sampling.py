"""Scheduled sampling: a model that learns to go on from its own words."""

import torch
from torch import Tensor

from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.types import DecoderState, Memory
from attention_core.search.sampling import drawn
from attention_core.search.step import precise
from attention_core.training.modes import evaluating


@torch.no_grad()
def mixed_inputs(
    decoder: RecurrentDecoder,
    tokens: Tensor,
    memory: Memory,
    state: DecoderState,
    probability: float,
    words: Tensor | None = None,
) -> Tensor:
    """The true inputs, each after the first replaced with probability 1 - ε by a sample.

    x_1 = y_0;  x_t = y_{t-1} with probability ε, else a draw of p(· | x_<t, source).
    Bengio et al. 2015, §2.4. The samples are drawn without dropout, except for the masks that
    variational dropout keeps in the state; no gradient goes through the choice. Where the model
    learns to choose among some ``words`` (n,) alone, so does the draw.

    Shapes: tokens (R, T), ε = ``probability`` -> (R, T). Draws from torch's own generator.

    >>> from attention_core import DecoderSizes, Encoded, build_decoder
    >>> decoder = build_decoder("cho", DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6,
    ...                                             summary=6, attention=3))
    >>> encoded = Encoded(torch.ones(1, 5, 6), torch.ones(1, 5, dtype=torch.bool), torch.ones(1, 6))
    >>> memory = decoder.remember(encoded)
    >>> state = decoder.begin(memory, None)
    >>> mixed_inputs(decoder, torch.tensor([[1, 7, 8]]), memory, state, probability=1.0)
    tensor([[1, 7, 8]])
    """
    true = torch.rand(tokens.shape, device=tokens.device) < probability
    inputs = [tokens[:, 0]]
    listed = None if words is None else decoder.listed(words)
    with evaluating(decoder):
        for t in range(1, tokens.size(1)):
            logits, state, _ = decoder.step(inputs[-1], memory, state, listed)
            own = drawn(precise(logits).softmax(-1))
            own = own if words is None else words[own]
            inputs.append(torch.where(true[:, t], tokens[:, t], own))
    return torch.stack(inputs, 1)

"""A decoder's walk through a sentence, one step at a time, with every number of its attention."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attention_core.models import Seq2Seq
from attention_core.parts.attention import Attention
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.scorers import (
    Additive,
    Bilinear,
    Concat,
    ScaledDot,
    Scorer,
    build_scorer,
)

LIKELIEST = 5


@dataclass(frozen=True)
class AttentionStep:
    """What happens as one token is written; S source positions."""

    query: list[float]
    scores: list[float]  # e_s, S of them
    weights: list[float]  # α_s, their softmax
    context: list[float]  # Σ_s α_s h_s
    likeliest: list[tuple[int, float]]  # tokens with their probabilities, best first


@torch.no_grad()
def walk(
    model: Seq2Seq,
    source: Tensor,
    tokens: Sequence[int],
    *,
    begin: int,
    scorer: Scorer | None = None,
) -> list[AttentionStep]:
    """The steps in which the decoder writes ``tokens`` for a source (1, S).

    With ``scorer``, its scores take the place of the model's own within each step, while what was
    written before, and the state that goes on to the next step, stay the model's own: so steps of
    several scorers can be compared.

    Raises ValueError for a model without attention.
    """
    decoder = model.decoder
    if decoder.attention is None:
        raise ValueError("model: expected one with attention, got none")
    twin, seen = _watched(decoder, scorer)
    memory, state = model.remember(source, torch.ones_like(source, dtype=torch.bool))
    keys = memory.keys if scorer is None else scorer.project_keys(memory.values)
    steps = []
    for last in (begin, *tokens[:-1]):
        token = torch.tensor([last])
        logits, _, _ = twin.step(token, memory._replace(keys=keys), state)
        _, state, _ = decoder.step(token, memory, state)
        chances, found = logits[0].softmax(-1).topk(LIKELIEST)
        numbers = {name: value.flatten().tolist() for name, value in seen.items()}
        likeliest = list(zip(found.tolist(), chances.tolist(), strict=True))
        steps.append(AttentionStep(**numbers, likeliest=likeliest))
    return steps


def _watched(
    decoder: RecurrentDecoder, scorer: Scorer | None
) -> tuple[RecurrentDecoder, dict[str, Tensor]]:
    """A decoder of the same weights, with another scorer, that tells what it attends with."""
    shared: dict[int, object] = {id(weight): weight for weight in decoder.parameters()}
    twin = copy.deepcopy(decoder, shared)
    attention = twin.attention
    assert attention is not None
    if scorer is not None:
        attention.scorer = scorer
    seen: dict[str, Tensor] = {}

    def score(module: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> None:
        seen.update(query=inputs[0], scores=scores)

    def attend(module: Attention, inputs: object, outputs: tuple[Tensor, Tensor]) -> None:
        seen.update(context=outputs[0], weights=outputs[1])

    attention.scorer.register_forward_hook(score)
    attention.register_forward_hook(attend)
    return twin, seen


def stated(name: str, own: Scorer) -> Scorer:
    """A scorer of another kind, untrained, out of the matrices of a trained one.

    The trained scorer projects queries by A and keys by B, and where it is additive mixes them by
    v. Then, with v = 1 where there is none,

    - dot and cosine compare query and value as they are,
    - bilinear takes W = AᵀB, scaled dot W_Q = A and W_K = B,
    - additive takes W_s = A and W_h = B, concat W = [B; A], without a bias.

    Raises UserError for an unknown name, or where dot or cosine need equal sizes.

    >>> own = Bilinear(query_size=2, value_size=2)
    >>> keys, query = torch.eye(2)[None], torch.ones(1, 1, 2)
    >>> scaled = stated("scaled_dot", own)
    >>> expected = own(query, own.project_keys(keys)) / 2**0.5
    >>> bool(torch.allclose(scaled(query, scaled.project_keys(keys)), expected))
    True
    """
    a, b, v = _matrices(own)
    scorer = build_scorer(name, own.query_size, own.value_size, b.size(0)).to(b)
    with torch.no_grad():
        match scorer:
            case Bilinear():
                scorer.key.weight.copy_(a.T @ b)
            case ScaledDot():
                scorer.query.weight.copy_(a)
                scorer.key.weight.copy_(b)
            case Additive():
                scorer.query.weight.copy_(a)
                scorer.key.weight.copy_(b)
                scorer.key.bias.zero_()
                scorer.energy.weight.copy_(v)
            case Concat():
                scorer.joint.weight.copy_(torch.cat([b, a], 1))
                scorer.energy.weight.copy_(v)
    return scorer.requires_grad_(False)


def _matrices(own: Scorer) -> tuple[Tensor, Tensor, Tensor]:
    """A (K, Q), B (K, V) and v (1, K) of a scorer."""
    match own:
        case Bilinear():
            b = own.key.weight
            return torch.eye(len(b)).to(b), b, torch.ones(1, len(b)).to(b)
        case ScaledDot():
            return own.query.weight, own.key.weight, torch.ones(1, own.key_size).to(own.key.weight)
        case Additive():
            return own.query.weight, own.key.weight, own.energy.weight
        case Concat():
            joint = own.joint.weight
            return joint[:, own.value_size :], joint[:, : own.value_size], own.energy.weight
    eye = torch.eye(own.key_size)
    return eye, eye, torch.ones(1, own.key_size)

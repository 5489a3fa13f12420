"""The encoder and the step of a model as ONNX graphs, by torch's exporter."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.export.text import OnnxTextEncoder
from attention_core.models import Seq2Seq
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.types import DecoderState, Memory
from attention_core.runtime.model import NEXT
from attention_core.tasks import Input

if TYPE_CHECKING:
    import onnx

OPSET = 20
ROWS = 3  # of each source, in the example that is traced
MEMORY = {
    "values": ("sources", "positions"),
    "keys": ("sources", "positions"),
    "valid": ("sources", "positions"),
    "summary": ("sources",),
}
STATE = {
    "hidden": ("sources", "rows"),
    "cell": ("sources", "rows"),
    "feed": ("sources", "rows"),
    "position": ("sources", "rows"),
    "coverage": ("sources", "rows", "positions"),
}


def text_inputs() -> dict[str, Input]:
    """What a ``TextEncoder`` takes: tokens (B, S) and which of them are real.

    >>> list(text_inputs())
    ['source', 'source_valid']
    """
    tokens = torch.tensor([[3, 4, 5, 2], [4, 2, 0, 0]])
    axes = ("sources", "positions")
    return {"source": Input(tokens, axes), "source_valid": Input(tokens > 0, axes)}


def graphs(model: Seq2Seq, source: Mapping[str, Input]) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The graphs of the encoder and of a step, with free numbers of sources, rows and positions.

        encoder: source -> values, keys, valid, summary, state
        step: tokens (B, N), memory, state -> logits (B, N, W), weights (B, N, S), next_state

    State stands for hidden (B, N, L, H), cell, feed, position (B, N) and coverage, as far as the
    model has them; it is named next_hidden and so on behind a step. The encoder gives a row for
    each source, N = 1. What a step doesn't need is no input of it.

    Raises UserError for an encoder that ONNX has no operators for, or that torch's exporter can't
    trace, as one that packs its sequences.
    """
    encoder = model.encoder
    if isinstance(encoder, TextEncoder):
        encoder = OnnxTextEncoder(encoder)
    with torch.no_grad():
        memory, state = model.remember(*(each.example for each in source.values()))
    state = state.repeated(ROWS)
    tokens = torch.zeros(memory.valid.size(0), ROWS, dtype=torch.long)
    kept = {name: each for name, each in memory._asdict().items() if each is not None}
    examples = {"tokens": tokens, **kept, **_put_together(state, tokens)}
    axes = {"tokens": ("sources", "rows"), **MEMORY, **STATE}
    return (
        _traced(
            _Encoder(encoder, model.decoder),
            {name: each.example for name, each in source.items()},
            {name: each.axes for name, each in source.items()},
        ),
        _traced(_Step(model.decoder), examples, axes),
    )


class _Encoder(nn.Module):
    def __init__(self, encoder: nn.Module, decoder: RecurrentDecoder) -> None:
        super().__init__()
        self.model = Seq2Seq(encoder, decoder)

    def forward(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        memory, state = self.model.remember(*given.values())
        kept = {name: each for name, each in memory._asdict().items() if each is not None}
        return kept | _put_together(state, memory.valid[:, :1])


class _Step(nn.Module):
    def __init__(self, decoder: RecurrentDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        tokens = given["tokens"]
        memory = Memory(*(given.get(name) for name in MEMORY))  # type: ignore[arg-type]
        before = (given[name].flatten(0, 1) if name in given else None for name in STATE)
        logits, state, weights = self.decoder.step(
            tokens.flatten(),
            memory,
            DecoderState(*before),  # type: ignore[arg-type]
        )
        found = {"logits": logits.unflatten(0, tokens.shape)}
        if weights is not None:
            found["weights"] = weights.unflatten(0, tokens.shape)
        after = _put_together(state, tokens)
        return found | {NEXT + name: each for name, each in after.items()}


def _put_together(state: DecoderState, like: Tensor) -> dict[str, Tensor]:
    """The rows (B·N, ...) of a state as (B, N, ...), with B and N those of ``like``."""
    return {
        name: each.unflatten(0, like.shape)
        for name, each in state._asdict().items()
        if each is not None
    }


def _traced(
    module: nn.Module, examples: Mapping[str, Tensor], axes: Mapping[str, tuple[str, ...]]
) -> onnx.ModelProto:
    """The graph of a function of named tensors, without notes on the code that it was traced from.

    ``axes`` names the free axes of each tensor, its first ones.
    """
    given = dict(examples)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about itself
        try:
            program = torch.onnx.export(
                module.eval(),
                (),
                kwargs={"given": given},
                dynamic_shapes={"given": {name: dict(enumerate(axes[name])) for name in given}},
                input_names=list(given),
                output_names=list(module(given)),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            why = str(error.__cause__ or error).strip().splitlines()[0]
            raise UserError(
                f"torch's exporter can't trace this {type(module).__name__[1:].lower()}: {why}"
            ) from error
    assert program is not None
    traced = program.model_proto
    for part in (traced.graph, *traced.graph.node):
        part.ClearField("metadata_props")
    traced.graph.ClearField("value_info")
    return traced

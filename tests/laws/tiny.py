"""Tiny models with large random weights, for the laws to be tried on."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from attention_core.models import PRESETS, DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.encoders import TextEncoder
from attention_core.parts.rnn import CELLS
from attention_core.parts.types import DecoderState, Memory

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
COPYING = ("sutskever", "luong", "luong_local_m")  # here the encoder's size is the decoder's
PARTLY = (
    "luong_local_p",
    "luong_local_p_input_feeding",
    "adaptive_attention",
)  # weights sum to < 1

every_model = pytest.mark.parametrize(
    ("preset", "cell"), [(preset, cell) for preset in PRESETS for cell in CELLS]
)


def tiny_model(
    preset: str, cell: str, *, layers: int = 1, words: int = WORDS, **changes: Any
) -> Seq2Seq:
    """A model whose sizes differ wherever they may, so that no mix-up goes unseen."""
    if preset == "gnmt":
        layers += 1  # one at the bottom, which is no preset of its own
    sizes = DecoderSizes(
        vocabulary=words,
        embedding=9 if preset == "feed_forward_output" else 4,  # as half of its readout is zero
        hidden=6 if preset in COPYING else 5,
        values=6,
        summary=6,
        attention=3,
        layers=layers,
        cell=cell,
        reach=1,
        **changes,
    )
    decoder = build_decoder(preset, sizes)
    same = {name: changes[name] for name in ("normalised", "variational") if name in changes}
    model = Seq2Seq(TextEncoder(decoder.embedding, cell, 3, layers=layers, **same), decoder)
    generator = torch.Generator().manual_seed(len(preset) + layers)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.7, generator=generator)
    return model.double().eval()


class Source(NamedTuple):
    tokens: Tensor  # (B, S)
    valid: Tensor  # (B, S)

    def single(self, index: int) -> "Source":
        """One of the sources alone, without its padding."""
        length = int(self.valid[index].sum())
        return Source(self.tokens[index, None, :length], self.valid[index, None, :length])


def sources(*lengths: int, words: int = WORDS, size: int | None = None) -> Source:
    """Random sources, their padding filled with random words too."""
    size = max(lengths) if size is None else size
    valid = torch.arange(size) < torch.tensor(lengths)[:, None]
    tokens = torch.randint(words, (len(lengths), size), generator=torch.Generator().manual_seed(1))
    return Source(tokens, valid)


def words(rows: int, steps: int, words: int = WORDS) -> Tensor:
    """Random target tokens (rows, steps)."""
    return torch.randint(words, (rows, steps), generator=torch.Generator().manual_seed(2))


def begins(source: Source) -> Tensor:
    """The first token of each source's output."""
    return torch.full((source.valid.size(0),), BEGIN)


def unrolled(
    decoder: RecurrentDecoder, tokens: Tensor, memory: Memory, state: DecoderState
) -> tuple[Tensor, Tensor | None, DecoderState]:
    """Logits, weights and the last state of one ``step`` after the other."""
    logits, weights = [], []
    for column in tokens.unbind(1):
        logit, state, weight = decoder.step(column, memory, state)
        logits.append(logit)
        weights.append(weight)
    looked = [weight for weight in weights if weight is not None]
    return torch.stack(logits, 1), torch.stack(looked, 1) if looked else None, state

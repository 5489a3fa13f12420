"""The model, composed of the library's parts, and characters as its ids."""

import string
from dataclasses import dataclass, field

from torch import nn

from attention_core import (
    SCORERS,
    Attention,
    AttentionalReadout,
    CopyStart,
    RecurrentDecoder,
    RecurrentStack,
    Seq2Seq,
    TextEncoder,
    UserError,
    build_scorer,
)

CHARACTERS = string.digits + string.ascii_letters + " ,.'-/()"
PAD, BEGIN, END, *LETTERS = range(3 + len(CHARACTERS))
IDS = dict(zip(CHARACTERS, LETTERS, strict=True))
LONGEST = 60  # characters


def encode(text: str) -> list[int]:
    """Ids of the characters, and the end. Raises UserError for what can't be a date."""
    if not text.strip() or len(text) > LONGEST:
        raise UserError(f"a date has 1 to {LONGEST} characters, got {text[:LONGEST]!r}")
    if unknown := set(text).difference(CHARACTERS):
        raise UserError(f"no date has {''.join(sorted(unknown))!r}: write a-z, 0-9 and ,.'-/()")
    return [*(IDS[character] for character in text), END]


def decode(ids: list[int]) -> str:
    """The characters of ids, without the end."""
    return "".join(CHARACTERS[index - LETTERS[0]] for index in ids if index != END)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which attention, and the sizes."""

    scorer: str = field(default="additive", metadata={"choices": tuple(SCORERS)})
    embedding: int = field(default=32, metadata={"min": 1})
    hidden: int = field(default=128, metadata={"min": 2})
    attention: int = field(default=64, metadata={"min": 1})


def build_model(config: ModelConfig) -> Seq2Seq:
    """A bidirectional GRU reads; a GRU writes, looking back with each new state.

    Luong et al. 2015, §3.1, with any scorer. All characters share one embedding.
    """
    embedding = nn.Embedding(3 + len(CHARACTERS), config.embedding)
    encoder = TextEncoder(embedding, "gru", config.hidden // 2)
    size = encoder.output_size
    decoder = RecurrentDecoder(
        embedding=embedding,
        start=CopyStart(),
        recurrence=RecurrentStack("gru", config.embedding, size),
        after=Attention(build_scorer(config.scorer, size, size, config.attention)),
        readout=AttentionalReadout(size, size, config.embedding),
        tied=True,
    )
    return Seq2Seq(encoder, decoder)

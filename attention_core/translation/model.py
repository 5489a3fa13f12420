"""The translation model and its part of a recipe."""

from dataclasses import dataclass, field

from torch import nn

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A bidirectional encoder of half the decoder's size in each direction, and a preset.

    >>> ModelConfig(preset="bahdanau", cell="lstm").hidden
    512
    """

    preset: str = "luong"
    cell: str = "gru"
    embedding: int = field(default=256, metadata={"min": 1})
    hidden: int = field(default=512, metadata={"min": 2})
    attention: int = field(default=512, metadata={"min": 1})
    layers: int = field(default=1, metadata={"min": 1})
    scorer: str | None = None  # the preset's own
    reach: int = field(default=10, metadata={"min": 1})  # of a local window, to each side
    normalised: bool = False  # layer normalisation
    dropout: float = field(default=0.2, metadata={"min": 0.0, "max": 0.9})
    variational: bool = False  # one dropout mask a sequence
    word_dropout: float = field(default=0.0, metadata={"min": 0.0, "max": 0.9})
    tied: bool = True
    cutoffs: tuple[int, ...] = ()  # frequency ranks that an adaptive softmax clusters words by


def build_model(config: ModelConfig, vocabulary: int) -> Seq2Seq:
    """The model of a recipe; encoder and decoder share one embedding.

    Raises UserError for an unknown preset, cell or scorer.

    >>> build_model(ModelConfig(embedding=4, hidden=8), vocabulary=50).encoder.output_size
    8
    """
    decoder = build_decoder(
        config.preset,
        DecoderSizes(
            vocabulary=vocabulary,
            embedding=config.embedding,
            hidden=config.hidden,
            values=config.hidden // 2 * 2,
            summary=config.hidden // 2 * 2,
            attention=config.attention,
            layers=config.layers,
            cell=config.cell,
            scorer=config.scorer,
            reach=config.reach,
            normalised=config.normalised,
            variational=config.variational,
            word_dropout=config.word_dropout,
            tied=config.tied,
            cutoffs=config.cutoffs,
            dropout=config.dropout,
        ),
    )
    embedding: nn.Embedding = decoder.embedding
    encoder = TextEncoder(
        embedding,
        config.cell,
        config.hidden // 2,
        layers=config.layers,
        dropout=config.dropout,
        word_dropout=config.word_dropout,
        normalised=config.normalised,
        variational=config.variational,
    )
    return Seq2Seq(encoder, decoder)

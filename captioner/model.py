"""The captioning model and its part of a recipe."""

from dataclasses import dataclass, field

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from captioner.efficientnet_lite import CHANNELS, EfficientNetLite
from captioner.encoder import PictureEncoder


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The CNN, frozen at its ImageNet weights, and the side of its square input in pixels."""

    backbone: str = "efficientnet-lite2"
    size: int = field(default=224, metadata={"min": 32})


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A preset of the decoder and its sizes; ``values`` is what each position is projected to."""

    preset: str = "spatial_attention"
    cell: str = "lstm"
    embedding: int = field(default=512, metadata={"min": 1})
    hidden: int = field(default=512, metadata={"min": 1})
    values: int = field(default=512, metadata={"min": 1})
    attention: int = field(default=512, metadata={"min": 1})
    layers: int = field(default=1, metadata={"min": 1})
    dropout: float = field(default=0.5, metadata={"min": 0.0, "max": 0.9})
    tied: bool = True


def build_model(config: ModelConfig, vocabulary: int, backbone: EfficientNetLite | None) -> Seq2Seq:
    """The model of a recipe. Without a backbone it takes features instead of pictures.

    Raises UserError for an unknown preset or cell.
    """
    decoder = build_decoder(
        config.preset,
        DecoderSizes(
            vocabulary=vocabulary,
            embedding=config.embedding,
            hidden=config.hidden,
            values=config.values,
            summary=config.values,
            attention=config.attention,
            layers=config.layers,
            cell=config.cell,
            tied=config.tied,
            dropout=config.dropout,
        ),
    )
    encoder = PictureEncoder(backbone, CHANNELS, config.values, config.dropout)
    return Seq2Seq(encoder, decoder)

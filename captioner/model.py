"""The captioning model and its part of a recipe."""

from dataclasses import dataclass, field

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from captioner.backbones import Backbone
from captioner.encoder import PictureEncoder


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The network that sees, the side of its square input in pixels, and whether it learns too.

    ``weights`` None are those of ImageNet, "random" none, anything else is a file of them. A
    backbone that isn't fine-tuned is frozen, and its features are cached.
    """

    backbone: str = "efficientnet-lite2"
    size: int = field(default=224, metadata={"min": 32, "max": 2048})
    weights: str | None = None
    levels: int = field(default=1, metadata={"min": 1, "max": 2})  # of the network's maps, the last
    labels: int = field(default=0, metadata={"min": 0, "max": 20})  # of its classifier, beside it
    fine_tune: bool = False
    learning_rate: float = field(default=1e-5, metadata={"min": 0.0})  # its own, when fine-tuned


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
    scorer: str | None = None  # the preset's own
    reach: int = field(default=10, metadata={"min": 1})  # of a local window, to each side
    normalised: bool = False  # layer normalisation
    dropout: float = field(default=0.5, metadata={"min": 0.0, "max": 0.9})
    variational: bool = False  # one dropout mask a sequence
    word_dropout: float = field(default=0.0, metadata={"min": 0.0, "max": 0.9})
    tied: bool = True


def build_model(
    config: ModelConfig, vocabulary: int, backbone: Backbone, labels: int = 0
) -> Seq2Seq:
    """The model of a recipe, which takes pictures, or their features computed earlier.

    Raises UserError for an unknown preset, cell or scorer, or labels of a backbone without them.
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
            scorer=config.scorer,
            reach=config.reach,
            normalised=config.normalised,
            variational=config.variational,
            word_dropout=config.word_dropout,
            tied=config.tied,
            dropout=config.dropout,
        ),
    )
    encoder = PictureEncoder(backbone, config.values, config.dropout, labels)
    return Seq2Seq(encoder, decoder)

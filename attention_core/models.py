"""An encoder joined to a decoder, and one builder of decoders per paper."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from attention_core.errors import UserError, nearest
from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.readouts import AttentionalReadout, DeepReadout, HiddenReadout
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Bilinear
from attention_core.parts.starts import CopyStart, PrefixStart, ProjectStart
from attention_core.parts.types import DecoderState, Memory


class Seq2Seq(nn.Module):
    """p(y | x) = Π_t p(y_t | y_<t, memory(x)): any encoder, one recurrent decoder.

    The encoder takes the tensors of a source and gives an ``Encoded``.
    """

    def __init__(self, encoder: nn.Module, decoder: RecurrentDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def remember(self, *source: Tensor) -> tuple[Memory, DecoderState]:
        """The memory of a batch of sources and the decoder's first state, one row per source."""
        encoded = self.encoder(*source)
        memory = self.decoder.remember(encoded)
        return memory, self.decoder.begin(memory, encoded.final)


@dataclass(frozen=True, kw_only=True)
class DecoderSizes:
    """The sizes that a preset fills in; ``values`` and ``summary`` are the encoder's."""

    vocabulary: int
    embedding: int
    hidden: int
    values: int
    summary: int
    attention: int
    layers: int = 1
    cell: str = "gru"
    tied: bool = False
    dropout: float = 0.0

    def recurrence(self, *extra: int) -> RecurrentStack:
        """The stack that reads the token and the extra inputs of the given sizes."""
        inputs = self.embedding + sum(extra)
        return RecurrentStack(self.cell, inputs, self.hidden, self.layers, self.dropout)

    def deep(self, context: int, *, maxout: bool) -> DeepReadout:
        """A deep readout, of the embedding's size so that it can be tied."""
        return DeepReadout(self.hidden, context, self.embedding, self.embedding, maxout=maxout)


Preset = Callable[[DecoderSizes, nn.Embedding], RecurrentDecoder]


def sutskever(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Sutskever et al. 2014, §2: the source is only the initial state.

    Departure: the source is not reversed; a bidirectional encoder may stand in for that.
    """
    return RecurrentDecoder(
        embedding=embedding,
        start=CopyStart(),
        recurrence=sizes.recurrence(),
        readout=HiddenReadout(sizes.hidden),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def cho(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Cho et al. 2014, §2.2 and §A.1: the summary C at every step, deep maxout readout."""
    recurrence = sizes.recurrence(sizes.summary)
    return RecurrentDecoder(
        embedding=embedding,
        start=ProjectStart(sizes.summary, recurrence),
        recurrence=recurrence,
        before=FixedContext(),
        readout=sizes.deep(sizes.summary, maxout=True),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def context_and_previous(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """C and the previous output at every step through separate weights, read out from s_t alone.

    W [y; c] = W_y y + W_c c, so a joint matrix over both is that wiring.
    """
    recurrence = sizes.recurrence(sizes.summary)
    return RecurrentDecoder(
        embedding=embedding,
        start=ProjectStart(sizes.summary, recurrence),
        recurrence=recurrence,
        before=FixedContext(),
        readout=HiddenReadout(sizes.hidden),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def bahdanau(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Bahdanau et al. 2014, RNNsearch (§3.1, §A): additive attention with s_{t-1}, maxout readout.

    Departure: the readout uses s_t where the paper has s_{t-1}.
    """
    recurrence = sizes.recurrence(sizes.values)
    return RecurrentDecoder(
        embedding=embedding,
        start=ProjectStart(sizes.summary, recurrence),
        recurrence=recurrence,
        before=Attention(Additive(sizes.hidden, sizes.values, sizes.attention)),
        readout=sizes.deep(sizes.values, maxout=True),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def _luong(sizes: DecoderSizes, embedding: nn.Embedding, feed: bool) -> RecurrentDecoder:
    recurrence = sizes.recurrence(*([sizes.embedding] if feed else []))
    return RecurrentDecoder(
        embedding=embedding,
        start=CopyStart(),
        recurrence=recurrence,
        after=Attention(Bilinear(sizes.hidden, sizes.values)),
        readout=AttentionalReadout(sizes.hidden, sizes.values, sizes.embedding),
        feed=feed,
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def luong(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.1: global attention with s_t, "general" score, attentional readout.

    Departure: the readout has the embedding's size, so that it can be tied.
    """
    return _luong(sizes, embedding, feed=False)


def luong_input_feeding(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.3: as ``luong``, with the readout fed to the next step."""
    return _luong(sizes, embedding, feed=True)


def show_and_tell(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Vinyals et al. 2015, §3.1: the picture is read first, as if it were a word."""
    return RecurrentDecoder(
        embedding=embedding,
        start=PrefixStart(sizes.summary, sizes.embedding),
        recurrence=sizes.recurrence(),
        readout=HiddenReadout(sizes.hidden),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def show_attend_tell(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Xu et al. 2015, §3.1 and §4.2 (soft): gated additive attention with s_{t-1}, deep readout.

    Departures: one linear map per initial state instead of an MLP; tanh in the readout.
    The doubly stochastic penalty is in the training objective.
    """
    recurrence = sizes.recurrence(sizes.values)
    attention = Attention(
        Additive(sizes.hidden, sizes.values, sizes.attention), gate=nn.Linear(sizes.hidden, 1)
    )
    return RecurrentDecoder(
        embedding=embedding,
        start=ProjectStart(sizes.summary, recurrence),
        recurrence=recurrence,
        before=attention,
        readout=sizes.deep(sizes.values, maxout=False),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


def spatial_attention(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Lu et al. 2017, §2.2: attends with the new state s_t; the picture's summary at every step.

    Departures: bilinear score, so that all steps are scored in one product; [c; s; y] goes
    through a deep readout.
    """
    recurrence = sizes.recurrence(sizes.summary)
    return RecurrentDecoder(
        embedding=embedding,
        start=ProjectStart(sizes.summary, recurrence),
        recurrence=recurrence,
        before=FixedContext(),
        after=Attention(Bilinear(sizes.hidden, sizes.values)),
        readout=sizes.deep(sizes.values, maxout=False),
        tied=sizes.tied,
        dropout=sizes.dropout,
    )


PRESETS: dict[str, Preset] = {
    preset.__name__: preset
    for preset in (
        sutskever,
        cho,
        context_and_previous,
        bahdanau,
        luong,
        luong_input_feeding,
        show_and_tell,
        show_attend_tell,
        spatial_attention,
    )
}


def build_decoder(preset: str, sizes: DecoderSizes) -> RecurrentDecoder:
    """The decoder of a preset, with its own embedding (normal, variance 1/E).

    Raises UserError for an unknown name.
    """
    embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
    nn.init.normal_(embedding.weight, std=sizes.embedding**-0.5)
    return preset_named(preset)(sizes, embedding)


def preset_named(name: str) -> Preset:
    """The preset of that name. Raises UserError with the nearest match."""
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}.{nearest(name, PRESETS)}")
    return PRESETS[name]

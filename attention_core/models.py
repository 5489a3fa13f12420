"""An encoder joined to a decoder, and one builder of decoders per paper."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attention_core.errors import UserError, nearest
from attention_core.parts.adaptive import AdaptiveSoftmax
from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.decoder import RecurrentDecoder
from attention_core.parts.readouts import (
    AttentionalReadout,
    DeepReadout,
    FeedForwardReadout,
    HiddenReadout,
)
from attention_core.parts.rnn import RecurrentStack
from attention_core.parts.scorers import Additive, Scorer, build_scorer
from attention_core.parts.sentinel import VisualSentinel
from attention_core.parts.starts import BridgeStart, CopyStart, PrefixStart, ProjectStart
from attention_core.parts.types import DecoderState, Memory
from attention_core.parts.windows import LocalMonotonic, LocalPredictive


class Seq2Seq(nn.Module):
    """p(y | x) = Π_t p(y_t | y_<t, memory(x)): any encoder, one recurrent decoder.

    The encoder takes the tensors of a source and gives an ``Encoded``.

    >>> import torch
    >>> from attention_core import TextEncoder
    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> decoder = build_decoder("bahdanau", sizes)
    >>> model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder)
    >>> tokens = torch.tensor([[3, 4, 5], [6, 0, 0]])
    >>> memory, state = model.remember(tokens, tokens > 0)
    >>> decoder(torch.tensor([[1, 7], [1, 8]]), memory, state)[0].shape
    torch.Size([2, 2, 9])
    """

    def __init__(self, encoder: nn.Module, decoder: RecurrentDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def remember(self, *source: Tensor) -> tuple[Memory, DecoderState]:
        """The memory of a batch of sources and the decoder's first state, one row per source.

        The sources may be on another device than the model.
        """
        device = self.device
        encoded = self.encoder(*(each.to(device) for each in source))
        memory = self.decoder.remember(encoded)
        return memory, self.decoder.begin(memory, encoded.final)


@dataclass(frozen=True, kw_only=True)
class DecoderSizes:
    """The sizes that a preset fills in, and what may be chosen in every preset.

    ``values`` and ``summary`` are the encoder's sizes; ``scorer`` None is the preset's own.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=5, summary=5, attention=3)
    >>> build_decoder("bahdanau", sizes).attention.scorer.energy
    Linear(in_features=3, out_features=1, bias=False)
    """

    vocabulary: int
    embedding: int
    hidden: int
    values: int
    summary: int
    attention: int
    layers: int = 1
    cell: str = "gru"
    scorer: str | None = None
    reach: int = 10  # of a local window, in positions to each side
    tied: bool = False
    cutoffs: tuple[int, ...] = ()  # of an adaptive softmax; () is a plain one
    dropout: float = 0.0
    word_dropout: float = 0.0
    variational: bool = False
    normalised: bool = False

    def recurrence(self, *extra: int) -> RecurrentStack:
        """The stack that reads the token and the extra inputs of the given sizes."""
        return self.stack(self.embedding + sum(extra), self.layers)

    def stack(self, inputs: int, layers: int) -> RecurrentStack:
        """A stack of the chosen cells."""
        return RecurrentStack(
            self.cell, inputs, self.hidden, layers, self.dropout, normalised=self.normalised
        )

    def compared_by(self, own: str) -> Scorer:
        """The chosen scorer, or the preset's own."""
        return build_scorer(self.scorer or own, self.hidden, self.values, self.attention)

    def carried_over(self, recurrence: RecurrentStack) -> CopyStart | BridgeStart:
        """From the encoder's final state, bridged where it has another size than the decoder's."""
        if self.summary == self.hidden:
            return CopyStart()
        return BridgeStart(self.summary, self.layers, recurrence)

    def deep(self, context: int, *, maxout: bool) -> DeepReadout:
        """A deep readout, of the embedding's size so that it can be tied."""
        return DeepReadout(self.hidden, context, self.embedding, self.embedding, maxout=maxout)

    def decoder(
        self,
        embedding: nn.Embedding,
        recurrence: RecurrentStack,
        start: nn.Module,
        readout: nn.Module,
        *,
        before: Attention | FixedContext | None = None,
        after: Attention | None = None,
        sentinel: VisualSentinel | None = None,
        above: RecurrentStack | None = None,
        feed: bool = False,
    ) -> RecurrentDecoder:
        """The decoder of those parts, with what every preset shares."""
        adaptive = None
        if self.cutoffs:
            size: int = readout.output_size  # type: ignore[assignment]
            adaptive = AdaptiveSoftmax(size, self.vocabulary, self.cutoffs)
        return RecurrentDecoder(
            embedding=embedding,
            start=start,
            recurrence=recurrence,
            readout=readout,
            before=before,
            after=after,
            sentinel=sentinel,
            above=above,
            feed=feed,
            tied=self.tied,
            adaptive=adaptive,
            dropout=self.dropout,
            word_dropout=self.word_dropout,
            variational=self.variational,
        )


Preset = Callable[[DecoderSizes, nn.Embedding], RecurrentDecoder]


def sutskever(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Sutskever et al. 2014, §2: the source is only the initial state.

    Departure: the source is not reversed; a bidirectional encoder may stand in for that.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("sutskever", sizes).attention is None
    True
    """
    recurrence = sizes.recurrence()
    start = sizes.carried_over(recurrence)
    return sizes.decoder(embedding, recurrence, start, HiddenReadout(sizes.hidden))


def cho(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Cho et al. 2014, §2.2 and §A.1: the summary C at every step, deep maxout readout.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("cho", sizes).before
    FixedContext()
    """
    recurrence = sizes.recurrence(sizes.summary)
    start = ProjectStart(sizes.summary, recurrence)
    readout = sizes.deep(sizes.summary, maxout=True)
    return sizes.decoder(embedding, recurrence, start, readout, before=FixedContext())


def context_and_previous(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """C and the previous output at every step through separate weights, read out from s_t alone.

    W [y; c] = W_y y + W_c c, so a joint matrix over both is that wiring.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("context_and_previous", sizes).readout
    HiddenReadout()
    """
    recurrence = sizes.recurrence(sizes.summary)
    start = ProjectStart(sizes.summary, recurrence)
    readout = HiddenReadout(sizes.hidden)
    return sizes.decoder(embedding, recurrence, start, readout, before=FixedContext())


def bahdanau(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Bahdanau et al. 2014, RNNsearch (§3.1, §A): additive attention with s_{t-1}, maxout readout.

    Departures: the readout uses s_t where the paper has s_{t-1}; s_0 is made of the last states of
    both directions, where the paper's is of the backward one alone.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("bahdanau", sizes).before.scorer).__name__
    'Additive'
    """
    return _bahdanau(sizes, embedding, sizes.compared_by("additive"))


def bahdanau_coverage(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Tu et al. 2016, §3.1.1: as ``bahdanau``, with the weights so far as an input to the scorer.

    Departure: linguistic coverage without fertility. Raises UserError for a scorer other than
    additive.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("bahdanau_coverage", sizes).covers
    True
    """
    if sizes.scorer not in (None, "additive"):
        raise UserError(f"scorer: expected 'additive', which takes coverage, got {sizes.scorer!r}")
    scorer = Additive(sizes.hidden, sizes.values, sizes.attention, coverage=True)
    return _bahdanau(sizes, embedding, scorer)


def _bahdanau(sizes: DecoderSizes, embedding: nn.Embedding, scorer: Scorer) -> RecurrentDecoder:
    recurrence = sizes.recurrence(sizes.values)
    start = ProjectStart(sizes.summary, recurrence)
    readout = sizes.deep(sizes.values, maxout=True)
    return sizes.decoder(embedding, recurrence, start, readout, before=Attention(scorer))


def luong(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.1: global attention with s_t, "general" score, attentional readout.

    Departure: the readout has the embedding's size, so that it can be tied.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("luong", sizes).after.scorer).__name__
    'Bilinear'
    """
    return _luong(sizes, embedding)


def luong_input_feeding(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.3: as ``luong``, with the readout fed to the next step.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("luong_input_feeding", sizes).feed
    True
    """
    return _luong(sizes, embedding, feed=True)


def luong_local_m(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.2: as ``luong``, within a window that moves by one with each step.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("luong_local_m", sizes).after.window.reach
    10
    """
    return _luong(sizes, embedding, LocalMonotonic(sizes.reach))


def luong_local_m_input_feeding(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.2 and §3.3: ``luong_local_m`` with the readout fed to the next step.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("luong_local_m_input_feeding", sizes).fused
    False
    """
    return _luong(sizes, embedding, LocalMonotonic(sizes.reach), feed=True)


def luong_local_p(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.2: as ``luong``, within a window whose centre is predicted.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("luong_local_p", sizes).after.window).__name__
    'LocalPredictive'
    """
    return _luong(sizes, embedding, LocalPredictive(sizes.hidden, sizes.attention, sizes.reach))


def luong_local_p_input_feeding(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Luong et al. 2015, §3.2 and §3.3: ``luong_local_p`` with the readout fed to the next step.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("luong_local_p_input_feeding", sizes).fused
    False
    """
    window = LocalPredictive(sizes.hidden, sizes.attention, sizes.reach)
    return _luong(sizes, embedding, window, feed=True)


def _luong(
    sizes: DecoderSizes,
    embedding: nn.Embedding,
    window: LocalMonotonic | LocalPredictive | None = None,
    *,
    feed: bool = False,
) -> RecurrentDecoder:
    recurrence = sizes.recurrence(*([sizes.embedding] if feed else []))
    after = Attention(sizes.compared_by("bilinear"), window=window)
    readout = AttentionalReadout(sizes.hidden, sizes.values, sizes.embedding)
    start = sizes.carried_over(recurrence)
    return sizes.decoder(embedding, recurrence, start, readout, after=after, feed=feed)


def gnmt(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Wu et al. 2016, §3: the bottom layer attends, and the layers above read what it found.

    The states of the bottom layer skip the layers above (§3.1). Departures: it attends with s_t,
    where the paper's has s_{t-1}, so that no step waits for a context; bilinear score and an
    attentional readout; the encoder reads both ways in every layer. With one layer it is ``luong``
    but for the start.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3,
    ...                      layers=3)
    >>> decoder = build_decoder("gnmt", sizes)
    >>> decoder.recurrence.layers, decoder.above.layers, decoder.fused
    (1, 2, True)
    """
    recurrence = sizes.stack(sizes.embedding, layers=1)
    layers, inputs = sizes.layers - 1, sizes.hidden + sizes.values
    return sizes.decoder(
        embedding,
        recurrence,
        ProjectStart(sizes.summary, recurrence),
        AttentionalReadout(sizes.hidden, sizes.values, sizes.embedding),
        after=Attention(sizes.compared_by("bilinear")),
        above=sizes.stack(inputs, layers) if layers else None,
    )


def feed_forward_output(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Attends with the new state s_t, and [s_t; c_t] goes to a feed-forward output layer.

    Neubig 2017, "Neural Machine Translation and Sequence-to-sequence Models", §8; departures: GRU
    by default, and a hidden layer between [s_t; c_t] and the vocabulary.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("feed_forward_output", sizes).readout).__name__
    'FeedForwardReadout'
    """
    recurrence = sizes.recurrence()
    start = ProjectStart(sizes.summary, recurrence)
    readout = FeedForwardReadout(sizes.hidden, sizes.values, sizes.embedding)
    after = Attention(sizes.compared_by("additive"))
    return sizes.decoder(embedding, recurrence, start, readout, after=after)


def show_and_tell(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Vinyals et al. 2015, §3.1: the picture is read first, as if it were a word.

    Departure: that word is layer-normalised.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("show_and_tell", sizes).start).__name__
    'PrefixStart'
    """
    start = PrefixStart(sizes.summary, sizes.embedding)
    return sizes.decoder(embedding, sizes.recurrence(), start, HiddenReadout(sizes.hidden))


def show_attend_tell(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Xu et al. 2015, §3.1 and §4.2 (soft): gated additive attention with s_{t-1}, deep readout.

    Departures: one linear map per initial state instead of an MLP; tanh in the readout.
    The doubly stochastic penalty is in the training objective.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("show_attend_tell", sizes).before.gate
    Linear(in_features=6, out_features=1, bias=True)
    """
    recurrence = sizes.recurrence(sizes.values)
    before = Attention(sizes.compared_by("additive"), gate=nn.Linear(sizes.hidden, 1))
    start = ProjectStart(sizes.summary, recurrence)
    readout = sizes.deep(sizes.values, maxout=False)
    return sizes.decoder(embedding, recurrence, start, readout, before=before)


def spatial_attention(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Lu et al. 2017, §2.2: attends with the new state s_t; the picture's summary at every step.

    Departures: bilinear score, so that all steps are scored in one product; [c; s; y] goes
    through a deep readout.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> build_decoder("spatial_attention", sizes).before
    FixedContext()
    """
    recurrence = sizes.recurrence(sizes.summary)
    return sizes.decoder(
        embedding,
        recurrence,
        ProjectStart(sizes.summary, recurrence),
        sizes.deep(sizes.values, maxout=False),
        before=FixedContext(),
        after=Attention(sizes.compared_by("bilinear")),
    )


def adaptive_attention(sizes: DecoderSizes, embedding: nn.Embedding) -> RecurrentDecoder:
    """Lu et al. 2017, §2.3: ``spatial_attention`` with a visual sentinel to look at instead.

    The weights of a step sum to 1 - β. The score is the paper's, additive. Departure: [c; s; y]
    goes through a deep readout.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> type(build_decoder("adaptive_attention", sizes).sentinel).__name__
    'VisualSentinel'
    """
    recurrence = sizes.recurrence(sizes.summary)
    scorer = sizes.compared_by("additive")
    return sizes.decoder(
        embedding,
        recurrence,
        ProjectStart(sizes.summary, recurrence),
        sizes.deep(sizes.values, maxout=False),
        before=FixedContext(),
        after=Attention(scorer),
        sentinel=VisualSentinel(recurrence.input_size, sizes.hidden, sizes.values, scorer.key_size),
    )


PRESETS: dict[str, Preset] = {
    preset.__name__: preset
    for preset in (
        sutskever,
        cho,
        context_and_previous,
        bahdanau,
        bahdanau_coverage,
        luong,
        luong_input_feeding,
        luong_local_m,
        luong_local_m_input_feeding,
        luong_local_p,
        luong_local_p_input_feeding,
        gnmt,
        feed_forward_output,
        show_and_tell,
        show_attend_tell,
        spatial_attention,
        adaptive_attention,
    )
}


def build_decoder(preset: str, sizes: DecoderSizes) -> RecurrentDecoder:
    """The decoder of a preset, with its own embedding (normal, variance 1/E).

    Raises UserError for an unknown name of a preset, cell or scorer, sizes that don't fit, or a
    scorer where nothing is attended to.

    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=5, summary=5, attention=3)
    >>> build_decoder("show_attend_tell", sizes).fused  # its attention comes before the RNN
    False
    """
    embedding = nn.Embedding(sizes.vocabulary, sizes.embedding)
    nn.init.normal_(embedding.weight, std=sizes.embedding**-0.5)
    decoder = preset_named(preset)(sizes, embedding)
    if sizes.scorer is not None and decoder.attention is None:
        raise UserError(
            f"scorer: {preset} attends to nothing that {sizes.scorer!r} could score: leave it out"
        )
    return decoder


def preset_named(name: str) -> Preset:
    """The preset of that name. Raises UserError with the nearest match.

    >>> preset_named("luong").__doc__.split(":")[0]
    'Luong et al. 2015, §3.1'
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}.{nearest(name, PRESETS)}")
    return PRESETS[name]

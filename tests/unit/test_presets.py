"""Of which parts each preset is made, and that it passes on what it is asked for."""

import pytest

from attention_core.errors import UserError
from attention_core.models import PRESETS, DecoderSizes, build_decoder
from attention_core.parts.attention import Attention, FixedContext
from attention_core.parts.windows import LocalMonotonic, LocalPredictive

SIZES = {"vocabulary": 7, "embedding": 4, "hidden": 6, "values": 6, "summary": 6, "attention": 3}

# start, what attends before the RNN, what after it, what the RNN reads, readout
COMPOSITIONS = {
    "sutskever": ("Copy", "", "", "token", "Hidden"),
    "cho": ("Project", "summary", "", "token context", "Deep maxout"),
    "context_and_previous": ("Project", "summary", "", "token context", "Hidden"),
    "bahdanau": ("Project", "Additive", "", "token context", "Deep maxout"),
    "bahdanau_coverage": ("Project", "Additive coverage", "", "token context", "Deep maxout"),
    "luong": ("Copy", "", "Bilinear", "token", "Attentional"),
    "luong_input_feeding": ("Copy", "", "Bilinear", "token feed", "Attentional"),
    "luong_local_m": ("Copy", "", "Bilinear local-m", "token", "Attentional"),
    "luong_local_m_input_feeding": (
        "Copy",
        "",
        "Bilinear local-m",
        "token feed",
        "Attentional",
    ),
    "luong_local_p": ("Copy", "", "Bilinear local-p", "token", "Attentional"),
    "luong_local_p_input_feeding": (
        "Copy",
        "",
        "Bilinear local-p",
        "token feed",
        "Attentional",
    ),
    "gnmt": ("Project", "", "Bilinear", "token", "Attentional"),
    "feed_forward_output": ("Project", "", "Additive", "token", "FeedForward"),
    "show_and_tell": ("Prefix", "", "", "token", "Hidden"),
    "show_attend_tell": ("Project", "Additive gate", "", "token context", "Deep"),
    "spatial_attention": ("Project", "summary", "Bilinear", "token context", "Deep"),
    "adaptive_attention": ("Project", "summary", "Additive sentinel", "token context", "Deep"),
}
WINDOWS = {type(None): "", LocalMonotonic: "local-m", LocalPredictive: "local-p"}


def told(part, sentinel):
    """An attention in words."""
    if part is None:
        return ""
    if isinstance(part, FixedContext):
        return "summary"
    assert isinstance(part, Attention)
    extras = {"coverage": part.scorer.coverage, "gate": part.gate, "sentinel": sentinel}
    words = [type(part.scorer).__name__, WINDOWS[type(part.window)]]
    return " ".join([word for word in words if word] + [name for name in extras if extras[name]])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_made_of_these_parts(preset):
    decoder = build_decoder(preset, DecoderSizes(**SIZES))
    reads = {"token": 4, "context": 6 if decoder.before else 0, "feed": 4 if decoder.feed else 0}
    assert decoder.recurrence.input_size == sum(reads.values())
    readout = type(decoder.readout).__name__.removesuffix("Readout")
    assert COMPOSITIONS[preset] == (
        type(decoder.start).__name__.removesuffix("Start"),
        told(decoder.before, None),
        told(decoder.after, decoder.sentinel),
        " ".join(name for name, size in reads.items() if size),
        readout + (" maxout" if getattr(decoder.readout, "maxout", False) else ""),
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_passes_on_what_it_is_asked_for(preset):
    decoder = build_decoder(
        preset,
        DecoderSizes(
            **SIZES,
            layers=2,
            cell="lstm",
            reach=7,
            dropout=0.1,
            word_dropout=0.2,
            variational=True,
            normalised=True,
        ),
    )
    stacks = [stack for stack in (decoder.recurrence, decoder.above) if stack]
    assert sum(stack.layers for stack in stacks) == 2
    for stack in stacks:
        assert (stack.cell, stack.normalised, stack.dropout.p) == ("lstm", True, 0.1)
    assert (decoder.dropout.p, decoder.words.p, decoder.variational) == (0.1, 0.2, True)
    window = getattr(decoder.attention, "window", None)
    assert window is None or window.reach == 7


@pytest.mark.parametrize("scorer", ["dot", "nonsense"])
@pytest.mark.parametrize("preset", ["sutskever", "cho", "context_and_previous", "show_and_tell"])
def test_what_attends_to_nothing_takes_no_scorer(preset, scorer):
    with pytest.raises(UserError, match=f"scorer: {preset} attends to nothing that '{scorer}'"):
        build_decoder(preset, DecoderSizes(**SIZES, scorer=scorer))

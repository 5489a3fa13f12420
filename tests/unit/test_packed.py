"""Weights laid out for the processor or in 8 bits, and models of them."""

import copy
import platform

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from attention_core import DecoderSizes, Seq2Seq, TextEncoder, build_decoder
from attention_core.parts.packed import (
    FEW,
    HalfLinear,
    Int8Linear,
    PackedLinear,
    PlainLinear,
    in_full,
    layer,
    packed,
)
from attention_core.search import beam_search

X86 = platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available()
pytestmark = pytest.mark.skipif(not X86, reason="nothing is laid out on this processor")

SOURCE = torch.tensor([[3, 4, 5, 9], [6, 3, 0, 0], [8, 7, 5, 0]])
PRESETS = [
    "bahdanau",
    "bahdanau_coverage",
    "luong_local_p_input_feeding",
    "show_and_tell",
    "show_attend_tell",
]


def model_of(preset="bahdanau", cell="gru", layers=1, **sizes):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        **{
            **{"vocabulary": 40, "embedding": 12, "hidden": 16, "values": 16, "summary": 16},
            **{"attention": 8, "cell": cell, "layers": layers, **sizes},
        }
    )
    decoder = build_decoder(preset, sizes)
    if decoder.bias is not None:
        nn.init.normal_(decoder.bias)
    return Seq2Seq(TextEncoder(decoder.embedding, cell, 8, layers=layers), decoder).eval()


@torch.inference_mode()
def stepped(model, words=None):
    """The logits of three steps."""
    memory, state = model.remember(SOURCE, SOURCE != 0)
    logits = []
    for token in (1, 7, 12):
        scored, state, _ = model.decoder.step(torch.full((3,), token), memory, state, words)
        logits.append(scored)
    return torch.stack(logits)


@torch.inference_mode()
def forced(model):
    """The logits of three steps at once."""
    memory, state = model.remember(SOURCE, SOURCE != 0)
    return model.decoder(torch.tensor([[1, 7, 12]] * 3), memory, state)[0]


@torch.inference_mode()
def found(model):
    memory, state = model.remember(SOURCE, SOURCE != 0)
    words = model.decoder.listed()
    ranked = beam_search(
        lambda *given: model.decoder.step(*given, words),
        memory,
        state,
        begin=torch.ones(3, dtype=torch.long),
        end=2,
        max_length=12,
    )
    return [[one.tokens for one in each] for each in ranked]


@pytest.mark.parametrize("rows", [1, 5, 64])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_product_is_the_product(rows, bias):
    x, weight, offset = torch.randn(rows, 30), torch.randn(50, 30), torch.randn(50)
    offset = offset if bias else None
    assert_close(PackedLinear(weight, offset)(x), F.linear(x, weight, offset))


@pytest.mark.parametrize("rows", [1, 5, 64])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_of_weights_in_float16_is_the_product(rows, bias):
    x, weight, offset = torch.rand(rows, 30), torch.randn(50, 30).half().float(), torch.randn(50)
    weight[7] = 0.0
    offset = offset if bias else None
    assert_close(HalfLinear(weight, offset)(x), F.linear(x, weight, offset), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [65504.0, 2.0**-14, 2.0**-24], ids=["largest", "normal", "least"])
def test_a_product_of_the_numbers_that_float16_ends_with(value):
    x, weight = torch.full((5, 30), 2.0**12), torch.full((50, 30), value)
    assert HalfLinear(weight, None)(x).unique().tolist() == [30 * 2.0**12 * value]


def test_only_a_few_rows_go_by_float16():
    """Of a third, which float16 hasn't."""
    layer, x = HalfLinear(torch.tensor([[1 / 3]]), None), torch.ones(FEW + 1, 1)
    assert torch.equal(layer(x), x / 3)
    assert torch.equal(layer(x[:FEW]), torch.full((FEW, 1), 1 / 3).half().float())


def test_weights_are_kept_in_float16_if_it_holds_them_all():
    weight = torch.randn(50, 30).half().float()
    assert type(in_full(weight, None)) is HalfLinear
    for value in (1 / 3, 1e6, 2.0**-25):
        weight[7, 3] = value
        assert type(in_full(weight, None)) is PackedLinear


@pytest.mark.parametrize("shift", [-9.0, 0.0, 9.0], ids=["negative", "both", "positive"])
def test_a_product_in_8_bits_is_off_by_its_levels(shift):
    """Errors are even within a level: of the inputs a 255th of their range with 0, of the weights a
    127th of the row's largest; so the variance is that of a level, its square / 12, each time.
    """
    torch.manual_seed(0)
    x, weight, offset = torch.randn(5, 300) + shift, torch.randn(50, 300), torch.randn(50)
    off = Int8Linear(weight, offset)(x) - F.linear(x, weight, offset)
    level = (x.amax().clamp(min=0) - x.amin().clamp(max=0)) / 255
    levels = weight.abs().amax(1) / 127
    variance = x.square().sum(1)[:, None] * levels**2 + weight.square().sum(1) * level**2
    assert (off.square() / (variance / 12)).mean() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("value", [-3.0, 0.0, 3.0])
def test_equal_inputs_in_8_bits(value):
    x, weight, offset = torch.full((2, 30), value), torch.randn(50, 30), torch.randn(50)
    weight[7] = 0.0
    y = Int8Linear(weight, offset)(x)
    assert_close(y, F.linear(x, weight, offset), atol=0.5, rtol=0)
    assert_close(y[:, 7], offset[7].expand(2))


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_packed_model_gives_the_same_logits(preset, cell, halves):
    model = model_of(preset, cell, layers=2)
    model = model.half().float() if halves else model
    assert_close(stepped(packed(model)), stepped(model))
    assert_close(forced(packed(model)), forced(model))


def test_a_concat_scorer_keeps_the_matrix_that_it_cuts():
    model = model_of(scorer="concat")
    assert_close(stepped(packed(model)), stepped(model))


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_a_model_in_8_bits_gives_nearly_the_same_logits(cell):
    model = model_of(cell=cell)
    exact, rounded = stepped(model), stepped(packed(model, int8=True))
    assert 0 < (rounded - exact).abs().max() < 0.05 * exact.std()


def test_the_model_itself_stays_as_it_is():
    model = model_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    packed(model, int8=True)
    assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    assert all(weight.requires_grad for weight in model.parameters())
    assert type(model.decoder.recurrence.cells[0]) is nn.GRUCell


def test_in_float64_nothing_changes():
    model = model_of().double()
    assert torch.equal(stepped(packed(model)), stepped(model))
    assert found(packed(model)) == found(model)


def test_a_packed_model_finds_the_same():
    model = model_of()
    nn.init.normal_(model.decoder.embedding.weight)
    assert found(packed(model)) == found(model)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("lay", [lambda model: model, packed], ids=["plain", "packed"])
def test_listed_words_are_scored_alone(lay, tied):
    model = lay(model_of(tied=tied))
    words = torch.tensor([2, 5, 30])
    assert_close(stepped(model, model.decoder.listed(words)), stepped(model)[..., words])


def test_listed_words_of_an_adaptive_softmax():
    model = model_of(cutoffs=(10,))
    words = torch.tensor([2, 5, 30])
    assert_close(stepped(model, model.decoder.listed(words)), stepped(model)[..., words])
    assert model.decoder.listed() is None


@pytest.mark.parametrize("int8", [False, True])
def test_an_adaptive_softmax_is_laid_out(int8):
    model = model_of(cutoffs=(10,)).half().float()
    exact, found = stepped(model), stepped(packed(model, int8=int8))
    assert_close(found, exact, **({"atol": 0.1, "rtol": 0.0} if int8 else {}))


def test_only_what_gains_is_laid_out():
    weight = torch.ones(2, 2)
    assert layer(weight) is in_full
    assert layer(weight, int8=True) is Int8Linear
    assert layer(weight.double(), int8=True) is PlainLinear


def test_without_tensors_of_8_bits_weights_stay_in_full(monkeypatch):
    monkeypatch.delattr(torch, "quantize_per_channel")
    assert layer(torch.ones(2, 2), int8=True) is in_full


def test_without_fbgemm_weights_stay_in_float32(monkeypatch):
    monkeypatch.setattr("attention_core.parts.packed._has_fbgemm", lambda: False)
    assert type(in_full(torch.ones(2, 2), None)) is PackedLinear


def test_a_product_in_8_bits_can_be_copied():
    rounded = Int8Linear(torch.randn(4, 3), torch.randn(4))
    x = torch.randn(2, 3)
    assert torch.equal(copy.deepcopy(rounded)(x), rounded(x))


def test_without_vnni_inputs_have_7_bits(monkeypatch):
    """Products of the largest numbers, which 16 bits can't hold the sum of."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    weight, x = torch.ones(3, 64), torch.linspace(0.5, 1.0, 2 * 64).view(2, 64)
    rounded = Int8Linear(weight, None)
    y = rounded(x)
    assert_close(y, F.linear(x, weight), rtol=0.01, atol=0.0)
    rounded.narrow = False
    assert not torch.equal(rounded(x), y)

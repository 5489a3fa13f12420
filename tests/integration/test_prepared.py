"""What ships, prepared for use alone: it says the same, or with ``fast`` nearly."""

import json

import pytest
import torch

from attention_core import Translator
from attention_core.parts.packed import Int8Linear, layer
from captioner import __file__ as package
from captioner.images import open_picture
from captioner.predictor import Captioner

SENTENCES = ["A dog runs on the beach.", "Two children are playing in the snow.", "Thank you."]
PICTURES = [f"{package.removesuffix('__init__.py')}examples/{name}.jpg" for name in ("cat", "dogs")]


@pytest.fixture(scope="module")
def captioner():
    return Captioner.load()


def captions(captioner):
    return captioner.caption([open_picture(path) for path in PICTURES], language="en", nbest=2)


def test_a_prepared_captioner_tells_the_same(captioner):
    before = {name: value.clone() for name, value in captioner.model.state_dict().items()}
    for one, other in zip(captions(captioner.prepared()), captions(captioner), strict=True):
        assert (one.text, one.tokens) == (other.text, other.tokens)
        assert one.score == pytest.approx(other.score, abs=1e-3)
    after = captioner.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_fast_captioner_tells_nearly_the_same(captioner):
    """It scores nearly as high, and differs where the processor has bfloat16."""
    rounded = torch.cpu.get_capabilities().get("avx512_bf16", False)
    for one, other in zip(
        captions(captioner.prepared(fast=True)), captions(captioner), strict=True
    ):
        assert one.text
        assert one.score == pytest.approx(other.score, abs=1.0)
        assert (one.score != other.score) == rounded


def test_the_command_can_be_fast(captioner):
    from click.testing import CliRunner

    from captioner.command import caption

    told = CliRunner().invoke(caption, [PICTURES[0], "--fast", "--json"])
    (fast,) = captioner.prepared(fast=True).caption([open_picture(PICTURES[0])], language="en")
    assert json.loads(told.output)["score"] == pytest.approx(fast.score, abs=1e-3)


@pytest.fixture(scope="module")
def translator():
    return Translator.load()


def test_a_prepared_translator_says_the_same(translator):
    found = translator.translate(SENTENCES, to="de", nbest=2)
    for one, other in zip(
        translator.prepared().translate(SENTENCES, to="de", nbest=2), found, strict=True
    ):
        assert (one.text, one.tokens) == (other.text, other.tokens)
        assert one.score == pytest.approx(other.score, abs=1e-3)


def test_a_fast_translator_says_nearly_the_same(translator):
    """It scores nearly as high, and differs where integers are computed with."""
    fast = translator.prepared(fast=True)
    rounded = layer(fast.model.decoder.embedding.weight, int8=True) is Int8Linear
    for one, other in zip(
        fast.translate(SENTENCES, to="de"), translator.translate(SENTENCES, to="de"), strict=True
    ):
        assert one.score == pytest.approx(other.score, abs=0.2)
        assert (one.score != other.score) == rounded


def test_the_translate_command_can_be_fast(translator):
    from click.testing import CliRunner

    from attention_core.translation.command import translate

    told = CliRunner().invoke(translate, [SENTENCES[0], "--to", "de", "--fast", "--json"])
    (fast,) = translator.prepared(fast=True).translate(SENTENCES[:1], to="de")
    assert json.loads(told.stdout)["score"] == pytest.approx(fast.score, abs=1e-4)

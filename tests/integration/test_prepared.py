"""The captioner that ships, prepared for use alone: the same captions, or with ``fast`` nearly."""

import json

import pytest
import torch

from captioner import __file__ as package
from captioner.images import open_picture
from captioner.predictor import Captioner

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

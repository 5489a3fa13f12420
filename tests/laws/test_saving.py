import pytest
import torch
from tiny import every_model, sources, tiny_model, words
from torch import nn

from attention_core import checkpoint
from attention_core.models import PRESETS


def saved_and_loaded(model, place, *, half=False):
    """A model of other weights and the same parts, after loading ``model``'s checkpoint."""
    checkpoint.save(
        place,
        task="translate",
        config={},
        weights=checkpoint.weights_of(model),
        files={},
        half=half,
    )
    other = nn.Module.apply(tiny_model(*place.name.split()).float(), _scramble)
    checkpoint.load_into(other, checkpoint.read(place))
    return other


def _scramble(module):
    with torch.no_grad():
        for weight in module.parameters(recurse=False):
            weight.fill_(torch.nan)


@every_model
def test_a_saved_model_is_loaded_bitwise(preset, cell, tmp_path):
    model = tiny_model(preset, cell).float()
    other = saved_and_loaded(model, tmp_path / f"{preset} {cell}")
    assert other.state_dict().keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], weight), name
    source, tokens = sources(3, 2), words(2, 4)
    for one, same in zip(
        model.decoder(tokens, *model.remember(*source)),
        other.decoder(tokens, *other.remember(*source)),
        strict=True,
    ):
        assert (one is None and same is None) or torch.equal(one, same)


@pytest.mark.parametrize("preset", PRESETS)
def test_half_keeps_eleven_bits(preset, tmp_path):
    model = tiny_model(preset, "gru").float()
    other = saved_and_loaded(model, tmp_path / f"{preset} gru", half=True)
    for name, weight in model.state_dict().items():
        found = other.state_dict()[name]
        assert found.dtype == torch.float32
        assert torch.equal(found, weight.half().float())
        torch.testing.assert_close(found, weight, rtol=2**-11, atol=2**-25)


def test_a_shared_embedding_is_stored_once_and_stays_shared(tmp_path):
    model = tiny_model("bahdanau", "gru").float()
    assert model.encoder.embedding is model.decoder.embedding
    assert len([name for name in checkpoint.weights_of(model) if "embedding" in name]) == 1
    other = saved_and_loaded(model, tmp_path / "bahdanau gru")
    assert other.encoder.embedding.weight is other.decoder.embedding.weight

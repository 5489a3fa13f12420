"""An exported model gives the numbers of the model, whatever the shapes, for every preset."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny import BEGIN, END, WORDS, sources, tiny_model

from attention_core.checkpoint import Checkpoint, save
from attention_core.errors import UserError
from attention_core.export import export, graphs, text_inputs
from attention_core.models import PRESETS
from attention_core.runtime import OnnxModel
from attention_core.runtime.model import GREEDY
from attention_core.search import beam_search, greedy_search, restricted
from attention_core.tasks import Exportable
from attention_core.training import SearchConfig

FEW = [("bahdanau_coverage", "gru", {}), ("luong_local_p_input_feeding", "gru", {})]
EVERY = [(preset, cell, {}) for preset in PRESETS for cell in ("gru", "lstm", "tanh")]
EVERY += [("adaptive_attention", "tanh", {"variational": True})]
ALLOWED = torch.arange(WORDS) > 1  # neither padding nor the first token
SEARCH = SearchConfig(beam=3, max_length=7)


def exported(folder, preset, cell, **changes):
    """The model in float32, and the folder that it is exported to."""
    model = tiny_model(preset, cell, layers=2, **changes).float()
    save(folder / "saved", task="tiny", config={}, weights={}, files={"README.md": b"A card."})
    saved = Checkpoint(folder / "saved", "tiny", {})
    export(Exportable(model, text_inputs(), END, SEARCH), saved, folder / "out")
    return model, folder / "out"


def arrays(source):
    return {"source": source.tokens.numpy(), "source_valid": source.valid.numpy()}


def assert_same_search(model, folder):
    runtime = OnnxModel(Checkpoint(folder, "tiny", {}), threads=1)
    step = restricted(model.decoder.step, ALLOWED)
    batches = [sources(4, 2, 1, 3), sources(5), sources(1), sources(2, 3, size=6)]
    for source, width in zip(batches, (3, 1, 4, 2), strict=True):
        count = len(source.tokens)
        ours = runtime.run(
            arrays(source), begin=np.full(count, BEGIN), width=width, allowed=ALLOWED.numpy()
        )
        theirs = beam_search(
            step,
            *model.remember(*source),
            begin=torch.full((count,), BEGIN),
            end=END,
            max_length=SEARCH.max_length,
            width=width,
        )
        for found, expected in zip(ours, theirs, strict=True):
            assert [one.tokens for one in found] == [one.tokens for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
                assert (one.weights is None) == (other.weights is None)
                if other.weights is not None:
                    assert one.weights == pytest.approx(other.weights.numpy(), abs=1e-4)


def assert_same_greedy(model, folder):
    session = onnxruntime.InferenceSession(folder / GREEDY)
    source = sources(4, 2, 1, 3)
    given = {
        **arrays(source),
        "begin": np.full(4, BEGIN),
        "allowed": ALLOWED.numpy(),
        "max_length": np.array(SEARCH.max_length),
    }
    tokens, gains, *weights = session.run(None, given)
    expected = greedy_search(
        restricted(model.decoder.step, ALLOWED),
        *model.remember(*source),
        begin=torch.full((4,), BEGIN),
        end=END,
        max_length=SEARCH.max_length,
    )
    assert len({len(one.tokens) for one in expected}) > 1
    assert tokens.shape[1] == max(len(one.tokens) for one in expected)
    for row, one in enumerate(expected):
        size = len(one.tokens)
        assert tokens[row, :size].tolist() == one.tokens
        assert (tokens[row, size:] == END).all() and not gains[row, size:].any()
        assert gains[row, :size] == pytest.approx(one.log_probabilities, abs=1e-4)
        for looked in weights:
            assert looked[row, :size] == pytest.approx(one.weights.numpy(), abs=1e-4)
    assert bool(weights) == (model.decoder.attention is not None)


@pytest.mark.parametrize(("preset", "cell", "changes"), FEW)
def test_an_exported_model_finds_the_same(tmp_path, preset, cell, changes):
    model, folder = exported(tmp_path, preset, cell, **changes)
    with torch.no_grad():
        assert_same_search(model, folder)
        assert_same_greedy(model, folder)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "cell", "changes"), EVERY)
def test_every_preset_can_be_exported(tmp_path, preset, cell, changes):
    model, folder = exported(tmp_path, preset, cell, **changes)
    with torch.no_grad():
        assert_same_search(model, folder)
    for path in folder.glob("*.onnx"):
        onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.slow
def test_the_same_model_gives_the_same_files(tmp_path):
    folders = [exported(tmp_path / name, "luong", "gru")[1] for name in "ab"]
    for one, other in zip(*(sorted(folder.iterdir()) for folder in folders), strict=True):
        assert one.name == other.name and one.read_bytes() == other.read_bytes()


def test_layer_normalised_text_encoders_are_refused_in_one_line():
    model = tiny_model("luong", "gru", normalised=True)
    with pytest.raises(UserError, match="layer-normalised text encoders can't be exported"):
        graphs(model, text_inputs())

"""A wider translator says the same, and has the room to learn more."""

import pytest
import torch
from click.testing import CliRunner

from attention_core import Translator, UserError, checkpoint
from attention_core.parts.types import Memory
from attention_core.recipe import as_dict, from_dict
from attention_core.training.config import TrainingConfig
from attention_core.translation import TASK
from attention_core.translation.learner import DataConfig, TranslateRecipe
from attention_core.translation.model import ModelConfig, build_model
from scripts.widening import main, widened

SOURCE = torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0]])
TARGET = torch.tensor([[1, 7, 3], [1, 6, 6]])


def recipe(**model):
    return TranslateRecipe(
        out="x",
        seed=1,
        data=DataConfig(root="data", languages=("de",)),
        training=TrainingConfig(epochs=1),
        model=ModelConfig(cell="lstm", embedding=6, hidden=8, **model),
    )


def trained(config, weights):
    model = build_model(from_dict(TranslateRecipe, config).model, vocabulary=12)
    for name, tensor in checkpoint.weights_of(model).items():
        tensor.data.copy_(weights[name])
    return model.eval()


def read(model) -> tuple[torch.Tensor, Memory]:
    memory, state = model.remember(SOURCE, SOURCE > 0)
    return model.decoder(TARGET, memory, state)[0], memory


def test_the_numbers_stay_and_new_units_learn():
    config = as_dict(recipe())
    weights = checkpoint.weights_of(build_model(recipe().model, vocabulary=12))
    narrow, wide = trained(config, weights), trained(*widened(config, weights, 14))
    before, _ = read(narrow)
    after, memory = read(wide)
    assert wide.decoder.recurrence.hidden_size == 14
    torch.testing.assert_close(after, before)
    assert memory.values[..., 4:7].any()  # what new units see, and none reads yet
    after.log_softmax(-1)[..., 3].sum().backward()
    assert wide.decoder.readout.mix.weight.grad[:, 4:7].any()


@pytest.mark.parametrize(
    ("model", "hidden", "told"),
    [
        ({}, 8, "hidden: expected an even number above 8, got 8"),
        ({}, 13, "hidden: expected an even number above 8, got 13"),
        ({"layers": 2}, 14, "only an LSTM of one layer"),
        ({"normalised": True}, 14, "only an LSTM of one layer"),
        ({"cutoffs": (4,), "tied": False}, 14, "only an LSTM of one layer"),
    ],
)
def test_other_models_are_refused(model, hidden, told):
    with pytest.raises(UserError, match=told):
        widened(as_dict(recipe(**model)), {}, hidden)


def test_the_translator_that_ships_translates_as_before(tmp_path):
    hidden = checkpoint.read(TASK.shipped).config["model"]["hidden"]
    asked = [str(TASK.shipped), str(tmp_path / "wide"), "--hidden"]
    done = CliRunner().invoke(main, [*asked, str(hidden + 2)])
    assert done.exit_code == 0 and "million parameters" in done.output
    texts = ["Where is the nearest pharmacy?", "A dog runs on the beach."]
    before, after = Translator.load(), Translator.load(tmp_path / "wide")
    for language in ("de", "zh"):
        found = [[each.text for each in t.translate(texts, to=language)] for t in (before, after)]
        assert found[0] == found[1]
    again = CliRunner().invoke(main, [*asked, str(hidden + 4)])
    assert again.exit_code == 1 and "is there already" in again.output
    other = ["captioner/models/everyday", str(tmp_path / "other"), "--hidden", "900"]
    refused = CliRunner().invoke(main, other)
    assert refused.exit_code == 1 and "of the task 'caption', not translate" in refused.output

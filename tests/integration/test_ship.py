"""The command that puts a trained model into the package."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import attention_core
from safetensors.torch import load_file

from attention_core.translation.predictor import Translator
from captioner.predictor import Captioner
from scripts import shipping
from scripts.captioning.card import HEADING, SHEET


def ship(*arguments: object) -> Result:
    return CliRunner().invoke(shipping.main, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.md"
    path.write_text("# Mine\n")
    return path


def test_a_captioner_ships_calibrated_with_its_card(trained, tmp_path, card, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, place = tmp_path / "run", tmp_path / "models" / "mine"
    shutil.copytree(trained("caption"), run)
    (run / "best" / "confidence.json").write_text("of other weights")
    result = ship("caption", run, place, "--card", card, "--failures")
    assert result.exit_code == 0, result.output
    captioner = Captioner.load(place)
    assert captioner.confidence is not None
    assert captioner.search.beam == 2
    text = (place / "README.md").read_text("utf-8")
    assert text.startswith("# Mine\n") and text.count(HEADING) == 1
    assert text.count("| val-") == 2 and "| flickr8k test en | 2 |" in text
    assert "(../../docs/images/failures.jpg)" in text and (tmp_path / SHEET).stat().st_size > 0


def test_a_mean_of_translators_ships_when_its_runs_are_gone(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained("translate"), run)
    attention_core("average", run / "best", run / "best", "--out", tmp_path / "mean")
    config = json.loads((tmp_path / "mean" / "config.json").read_text())
    config["config"]["out"] = str(tmp_path / "gone")
    (tmp_path / "mean" / "config.json").write_text(json.dumps(config))
    assert not (tmp_path / "mean" / "confidence.json").exists()
    place = tmp_path / "shipped"
    result = ship("translate", tmp_path / "mean", place, "--beam", 3, "--length-penalty", 0.5)
    assert result.exit_code == 0, result.output
    translator = Translator.load(place)
    assert (translator.search.beam, translator.search.length_penalty) == (3, 0.5)
    assert translator.confidence is not None
    assert {str(x.dtype) for x in load_file(place / "model.safetensors").values()} == {
        "torch.float16"
    }
    assert "mean of the weights" in (place / "README.md").read_text()
    assert not (tmp_path / "gone").exists()


def test_what_is_too_large_leaves_the_model_that_is_there(trained, tmp_path, monkeypatch):
    place = tmp_path / "shipped"
    shutil.copytree(trained("translate") / "best", place)
    (place / "README.md").write_text("# Before\n")
    monkeypatch.setattr(shipping, "MOST", 1000)
    result = ship("translate", trained("translate"), place)
    assert result.exit_code == 1
    assert "shipped would have" in result.output and "train a smaller model" in result.output
    assert (place / "README.md").read_text() == "# Before\n"


def test_bad_arguments_are_one_line_each(trained, tmp_path):
    run = trained("translate")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    for arguments, problem in (
        (("caption", run, tmp_path / "a"), "is of the task 'translate', not 'caption'"),
        (("translate", run.parent / "rum", tmp_path / "a"), "No checkpoint at"),
        (("translat", run, tmp_path / "a"), "Did you mean 'translate'?"),
        (("translate", run, tmp_path / "a", "--failures"), "leave it out"),
        (("translate", run, tmp_path / "notes"), "is not a checkpoint"),
    ):
        result = ship(*arguments)
        assert result.exit_code == 1 and problem in result.output, (arguments, result.output)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]

"""The page of results: what it makes of the reports of evaluations."""

import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from attention_core.errors import UserError
from attention_core.translation.predictor import Translator

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts import results

REPORT = {
    "tatoeba test en-zh": {
        "bleu": 26.9,
        "interval": [25.1, 28.7],
        "sentences": 227,
        "signature": "tok:zh",
    },
    "multi30k val en-de": {
        "bleu": 31.6,
        "interval": [30.0, 33.2],
        "sentences": 1000,
        "signature": "tok:13a",
        "lc-tok bleu": 33.5,
        "lc-tok signature": "text:lc.norm.tok",
    },
}


def test_every_set_has_its_figures_and_every_signature_is_told_once():
    again = {"multi30k test en-de": REPORT["multi30k val en-de"]}
    assert results.table(REPORT | again).splitlines() == [
        "| test set | bleu | interval | sentences | lc-tok bleu |",
        "|---|---|---|---|---|",
        "| tatoeba test en-zh | 26.9 | 25.1 to 28.7 | 227 |  |",
        "| multi30k val en-de | 31.6 | 30.0 to 33.2 | 1000 | 33.5 |",
        "| multi30k test en-de | 31.6 | 30.0 to 33.2 | 1000 | 33.5 |",
        "",
        "- `text:lc.norm.tok`",
        "- `tok:13a`",
        "- `tok:zh`",
    ]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Of evaluations that were not made."""

    class Shipping:
        def __init__(self, name):
            self.shipped = results.load_task(name).shipped

        def evaluate(self, checkpoint, split, data, beam):
            assert checkpoint in (self.shipped, results.TRANSLATE.into_english)
            assert (split, beam) == ("test", None)
            return REPORT

    tasks = {name: Shipping(name) for name in ("caption", "translate")}
    monkeypatch.setattr(results, "load_task", tasks.__getitem__)
    monkeypatch.setattr(results, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(results, "write_twenty", lambda checkpoint: None)
    return results.PAGE


def test_the_page_is_of_the_models_that_ship(page):
    assert CliRunner().invoke(results.main).exit_code == 0
    text = page.read_text("utf-8")
    assert text.startswith("# Results\n") and "[the benchmark](multi30k.md)" in text
    for title in ("Caption", "Translate", "Translate into English"):
        section = text.partition(f"## {title}\n\nPreset `")[2]
        assert "beam 5" in section and results.table(REPORT) in section


def test_what_is_not_scored_again_stays_on_the_page(page):
    assert CliRunner().invoke(results.main).exit_code == 0
    whole = page.read_text("utf-8")
    page.write_text(whole.replace("26.9", "25.9"), "utf-8")
    assert CliRunner().invoke(results.main, ["--task", "translate"]).exit_code == 0
    text = page.read_text("utf-8")
    assert [text.count(figure) for figure in ("25.9", "26.9")] == [1, 2]
    assert text == whole.replace("26.9", "25.9", 1)


def test_missing_data_is_one_line(page, monkeypatch):
    def missing(title, name, checkpoint):
        raise UserError("data/multi30k is missing")

    monkeypatch.setattr(results, "section", missing)
    result = CliRunner().invoke(results.main)
    assert (result.exit_code, result.stderr) == (1, "Error: data/multi30k is missing\n")
    assert not page.exists()


def test_the_card_ends_with_the_twenty_sentences(trained, tmp_path, monkeypatch):
    checkpoint = shutil.copytree(trained("translate") / "best", tmp_path / "model")
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("3 dogs play.\nA cat.\n", "utf-8")
    monkeypatch.setattr(results, "SENTENCES", sentences)
    results.write_twenty(checkpoint)
    results.write_twenty(checkpoint)  # again, which is not once more
    card = (checkpoint / "README.md").read_text("utf-8")
    assert card.count(results.TWENTY) == 1 and card.startswith("# English into")
    translator = Translator.load(checkpoint)
    assert card.splitlines()[-4].split(" | ")[1:] == [*translator.languages[:-1], "zh |"]
    for to in translator.languages:
        for found in translator.translate(["3 dogs play.", "A cat."], to=to):
            assert found.text + " ⚠" * found.doubtful in card

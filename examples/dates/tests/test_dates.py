"""The writings have one right answer each, and the models that ship read them."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from attention_dates import TASK, reader
from attention_dates.learner import DatesLearner, DatesRecipe
from attention_dates.model import BEGIN, CHARACTERS, END, decode, encode
from attention_dates.reader import DateReader, Reading
from attention_dates.writing import FIRST, LAST, SPLITS, WORDS, days, examples
from click.testing import CliRunner
from torch import get_num_threads, set_num_threads

from attention_core import UserError, checkpoint, train
from attention_core.recipe import load_recipe

FOLDER = TASK.shipped.parents[1]
RECIPES = sorted((FOLDER / "recipes").glob("*.toml"))
MODELS = [FOLDER / "models" / recipe.stem for recipe in RECIPES]
DOCUMENTED = {
    "the 3rd of May 79, Tuesday": "1979-05-03",
    "tuesday 3 may 1979": "1979-05-03",
    "5/3/79": "1979-05-03",
    "25/3/79": "1979-03-25",
    "3.5.79": "1979-05-03",
    "3-5-79": "1979-05-03",
    "03/04/79": "1979-03-04",
    "1979/5/3": "1979-05-03",
    "19790503": "1979-05-03",
    "1 Jan 68": "2068-01-01",
    "1 Jan '69": "1969-01-01",
    "FEBRUARY twenty-ninth, 2000": "2000-02-29",
}


@pytest.fixture(autouse=True)
def one_thread():
    before = get_num_threads()
    set_num_threads(1)
    yield
    set_num_threads(before)


def by_rule(text: str) -> date:
    """What a writing means, worked out by the documented rules alone."""
    text = text.lower()
    month = next((n for n, name in enumerate(WORDS["months"], 1) if name[:3].lower() in text), None)
    spelled = [(name, n) for n, name in enumerate(WORDS["ordinals"], 1) if name in text]
    numbers = re.findall(r"\d+", text)
    if len(numbers) == 1 and len(numbers[0]) == 8:
        return date.fromisoformat(numbers[0])
    year = numbers.pop(0 if len(numbers[0]) == 4 else -1)
    century = 0 if len(year) == 4 else 1900 if int(year) >= 69 else 2000
    if spelled:
        numbers = [str(max(spelled, key=lambda found: len(found[0]))[1])]
    if month is not None:
        (day,) = map(int, numbers)
    elif re.search(r"\d{4}\D+\d+\D+\d", text) or ("/" in text and int(numbers[0]) <= 12):
        month, day = map(int, numbers)
    else:
        day, month = map(int, numbers)
    return date(century + int(year), month, day)


@pytest.mark.parametrize("split", SPLITS)
def test_each_writing_has_one_right_answer(split):
    for text, iso in examples(split, 3000, seed=5):
        assert by_rule(text).isoformat() == iso, text


@pytest.mark.parametrize(("text", "iso"), DOCUMENTED.items())
def test_the_rules_are_those_that_are_documented(text, iso):
    assert by_rule(text).isoformat() == iso


def test_every_form_case_and_slip_occurs():
    texts = [text for text, _ in examples("train", 3000, seed=1)]
    for pattern in (
        r"^the \d+(st|nd|rd|th) of [A-Z][a-z]+ \d+, [A-Z][a-z]+$",
        r"^\d{8}$",
        r"^\d\d?/\d\d?/'\d\d$",
        r"^[A-Z]{3} .*[A-Z]{3}",
        r"^[a-z]{3}, ",
        r"  ",
        r"^ ",
        r"\d[a-z]{3}",
        r"\((mon|tues|wednes|thurs|fri|satur|sun)day\)",
    ):
        assert any(re.search(pattern, text) for text in texts), pattern


def test_ordinals_are_written_as_people_do():
    texts = " ".join(text.lower() for text, _ in examples("train", 3000, seed=1))
    endings = {int(number): ending for number, ending in re.findall(r"(\d+)(st|nd|rd|th)", texts)}
    odd = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
    assert endings == {day: odd.get(day, "th") for day in range(1, 32)}


def test_the_splits_share_no_date_and_so_no_string():
    parts = {split: set(days(split)) for split in SPLITS}
    everything = {FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)}
    assert set.union(*parts.values()) == everything
    assert sum(map(len, parts.values())) == len(everything)
    assert 0.04 < len(parts["test"]) / len(everything) < 0.06
    learned, asked = (dict(examples(split, 5000, seed=3)) for split in ("train", "test"))
    assert set(learned.values()) <= {str(day) for day in parts["train"]}
    assert not set(learned) & set(asked)


def test_examples_are_fixed_by_their_seed():
    assert examples("train", 50, seed=1) == examples("train", 50, seed=1)
    assert examples("train", 50, seed=1) != examples("train", 50, seed=2)


def test_characters_and_back():
    assert decode(encode(CHARACTERS[:60])) == CHARACTERS[:60]
    assert encode("5/3")[-1] == END


def test_a_batch_is_source_mask_and_target():
    learner = DatesLearner(load_recipe(RECIPES[0], DatesRecipe))
    batch = learner.collate([("5/3/79", "1979-05-03"), ("3 May 1979", "1979-05-03")])
    source, valid = batch.source
    assert [decode(row[row > 0].tolist()) for row in source] == ["5/3/79", "3 May 1979"]
    assert valid.sum(1).tolist() == [7, 11]
    assert batch.tokens[0].tolist() == [BEGIN, *encode("1979-05-03")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [(" ", "1 to 60 characters"), ("5" * 61, "1 to 60"), ("5€3", "no date has '€'")],
)
def test_what_cannot_be_a_date_is_told(text, problem):
    with pytest.raises(UserError, match=problem):
        encode(text)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
class TestAModelThatShips:
    def test_it_reads_unseen_dates(self, model):
        pairs = examples("test", 300, seed=7)
        found = DateReader.load(model).read([text for text, _ in pairs])
        assert sum(a.iso == iso for a, (_, iso) in zip(found, pairs, strict=True)) >= 297

    def test_it_is_scored(self, model, monkeypatch):
        monkeypatch.setattr(reader, "SCORED", 200)
        report = TASK.evaluate(model, "val", Path(), 1)
        assert report["exact"] >= 99 and report["writings"] == 200

    def test_it_reads_as_documented(self, model):
        found = DateReader.load(model).read(list(DOCUMENTED))
        assert {reading.text: str(reading.date()) for reading in found} == DOCUMENTED

    def test_it_looks_at_what_it_writes(self, model):
        (reading,) = DateReader.load(model).read(["the 17th of October 1985"])
        rows = dict(zip("1985-10-17", reading.alignment, strict=False))
        assert len(reading.alignment) == 10 and {len(row) for row in reading.alignment} == {24}
        assert all(sum(row) < 1.001 for row in reading.alignment)
        month = reading.alignment[5]
        assert sum(month[12:19]) > 0.5, "the month is told by its name"
        assert sum(rows["5"][19:]) > 0.5, "the year is told by its digits"

    def test_it_is_small_and_of_its_recipe(self, model):
        saved = checkpoint.read(model)
        assert sum(file.stat().st_size for file in model.iterdir()) < 400_000
        recipe = load_recipe(FOLDER / "recipes" / f"{model.name}.toml", DatesRecipe)
        assert saved.config["model"]["scorer"] == recipe.model.scorer == model.name
        assert saved.config["training"]["epochs"] == recipe.training.epochs
        assert f"seed {recipe.seed}." in saved.file("README.md").decode()


@pytest.mark.parametrize(
    ("iso", "probability", "problem"),
    [
        ("1980-02-30", 0.99, "which is no day"),
        ("1980-02-3", 0.99, "no day"),
        ("1980-02-03", 0.9, "certainty"),
    ],
)
def test_a_doubtful_reading_is_told(iso, probability, problem):
    with pytest.raises(UserError, match=problem):
        Reading("30 Feb 1980", iso, probability, []).date()
    assert Reading("3 Feb 1980", "1980-02-03", 0.99, []).date() == date(1980, 2, 3)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains_and_its_checkpoint_reads_the_same(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "SCORED", 100)
    tiny = ["writings=300", "model.hidden=16", "training.epochs=1"]  # validated at the end
    settings = load_recipe(recipe, DatesRecipe, tiny)
    learner = DatesLearner(settings)
    assert learner.batches(0) == learner.batches(0) != learner.batches(1)
    best = train(learner, settings.training, tmp_path / "run", seed=1)
    texts = ["5/3/79", "3 May 1979"]
    (a, b) = DateReader(learner.model.eval(), settings.search).read(texts)
    (c, d) = DateReader.load(best).read(texts)
    assert TASK.evaluate(best, "val", Path(), 1)["writings"] == 100
    assert [c.probability, d.probability] == pytest.approx([a.probability, b.probability], rel=0.1)


def test_another_tasks_checkpoint_is_told(tmp_path):
    checkpoint.save(tmp_path / "x", task="other", config={}, weights={}, files={})
    with pytest.raises(UserError, match="of the task 'other', not dates"):
        DateReader.load(tmp_path / "x")


def test_an_unknown_split_is_told():
    with pytest.raises(UserError, match=r"unknown split 'tset'\. Did you mean 'test'"):
        TASK.evaluate(MODELS[0], "tset", Path(), None)


class TestTheCommand:
    def test_it_prints_the_date(self):
        result = CliRunner().invoke(TASK.command(), ["the 3rd of May 79"])
        assert (result.exit_code, result.output) == (0, "1979-05-03\n")

    @pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
    def test_it_draws(self, tmp_path, suffix):
        path = tmp_path / f"where{suffix}"
        model = str(MODELS[1])
        result = CliRunner().invoke(
            TASK.command(), ["5/3/79", "--plot", str(path), "--checkpoint", model]
        )
        assert (result.exit_code, result.output) == (0, "1979-05-03\n")
        assert path.stat().st_size > 1000

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["hello"], "no date that the model can read|is no day"),
            (["5/3/79", "--plot", "where.txt"], "can't draw where.txt"),
            (["5/3/79", "--checkpoint", "nonesuch"], "no checkpoint 'nonesuch'"),
        ],
    )
    def test_bad_input_is_told(self, arguments, problem):
        result = CliRunner().invoke(TASK.command(), arguments)
        assert isinstance(result.exception, UserError)
        assert re.search(problem, str(result.exception))


def test_it_says_what_it_takes_to_be_exported():
    found = TASK.exportable(TASK.shipped)
    memory, state = found.model.remember(*(each.example for each in found.source.values()))
    assert len(memory.valid) == len(state.position) == 2
    assert (found.end, list(found.source)) == (END, ["source", "source_valid"])

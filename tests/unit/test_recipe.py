import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from attention_core.errors import UserError
from attention_core.recipe import as_dict, from_dict, load_recipe, read_task


@dataclass(frozen=True)
class Training:
    lr: float = field(metadata={"min": 0.0, "max": 1.0})
    steps: int = field(default=10, metadata={"min": 1})
    amp: bool = False


@dataclass(frozen=True)
class Recipe:
    training: Training
    languages: tuple[str, ...] = field(default=("de",), metadata={"choices": ("de", "fr")})
    scorer: Literal["dot", "additive"] = "dot"
    cell: str = field(default="lstm", metadata={"choices": ("lstm", "gru")})
    limit: int | None = field(default=None, metadata={"min": 1})
    validation: Training | None = None

    def __post_init__(self):
        if self.limit is not None and self.limit > self.training.steps:
            raise UserError("limit can't be above training.steps")


@pytest.fixture
def recipe_file(tmp_path):
    def write(text):
        path = tmp_path / "small.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def error_of(path, overrides=()):
    with pytest.raises(UserError) as caught:
        load_recipe(path, Recipe, overrides)
    return str(caught.value)


def test_reads_every_kind_of_value(recipe_file):
    path = recipe_file(
        """
        task = "translate"
        languages = ["fr", "de"]
        scorer = "additive"
        limit = 7
        [training]
        lr = 0.5
        steps = 20
        amp = true
        [validation]
        lr = 1
        """
    )
    assert load_recipe(path, Recipe) == Recipe(
        training=Training(lr=0.5, steps=20, amp=True),
        languages=("fr", "de"),
        scorer="additive",
        limit=7,
        validation=Training(lr=1.0),
    )
    assert read_task(path) == "translate"


def test_left_out_keys_take_their_defaults(recipe_file):
    assert load_recipe(recipe_file("[training]\nlr = 0.5"), Recipe) == Recipe(Training(0.5))


def test_a_whole_number_becomes_the_float_that_is_asked_for(recipe_file):
    recipe = load_recipe(recipe_file("[training]\nlr = 1"), Recipe)
    assert type(recipe.training.lr) is float


def test_overrides_win_and_make_the_tables_they_need(recipe_file):
    path = recipe_file("[training]\nlr = 0.5")
    overrides = ["training.lr=1e-3", "cell=gru", 'languages=["fr"]', "validation.lr = 0.2"]
    recipe = load_recipe(path, Recipe, overrides)
    assert recipe == Recipe(Training(1e-3), ("fr",), cell="gru", validation=Training(0.2))


def test_all_mistakes_come_in_one_message(recipe_file):
    path = recipe_file(
        """
        scorr = "dot"
        scorer = "dott"
        languages = ["de", "frr"]
        [training]
        steps = 0
        amp = "yes"
        """
    )
    assert error_of(path, ["training.step=3", "cell"]) == (
        f"{path} has 8 problems:"
        "\n  - 'cell' is not an override: write it like training.lr=0.001"
        "\n  - unknown key scorr. Did you mean 'scorer'? "
        "Known: cell, languages, limit, scorer, training, validation."
        "\n  - unknown key training.step. Did you mean 'steps'? Known: amp, lr, steps."
        "\n  - missing key training.lr"
        "\n  - training.steps must be at least 1, got 0"
        "\n  - training.amp must be true or false, got 'yes'"
        "\n  - languages[1] can't be 'frr'. Did you mean 'fr'? Known: de, fr."
        "\n  - scorer can't be 'dott'. Did you mean 'dot'? Known: additive, dot."
    )


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("training.lr=2", "training.lr must be at most 1.0, got 2.0"),
        ("training.lr=nan", "training.lr must be a number, got nan"),
        ("training.lr=inf", "training.lr must be a number, got inf"),
        ("training.lr=fast", "training.lr must be a number, got 'fast'"),
        ("training.lr=true", "training.lr must be a number, got True"),
        ("training.steps=1.5", "training.steps must be a whole number, got 1.5"),
        ("training.steps=true", "training.steps must be a whole number, got True"),
        ("cell=3", "cell must be a string, got 3"),
        ("languages=de", "languages must be a list, got 'de'"),
        ("limit=0", "limit must be at least 1, got 0"),
        ("training=3", "training must be a table, got 3"),
        ("training.lr.x=3", "training.lr.x: 'lr' holds a value, not a table"),
        ("=3", "'=3' is not an override: write it like training.lr=0.001"),
        ("a..b=3", "'a..b=3' is not an override: write it like training.lr=0.001"),
        ("limit=11", "limit can't be above training.steps"),
    ],
)
def test_one_mistake_is_one_line(recipe_file, override, problem):
    path = recipe_file("[training]\nlr = 0.5")
    assert error_of(path, [override]) == f"{path}: {problem}"


def test_a_missing_table_is_a_missing_key(recipe_file):
    path = recipe_file("")
    assert error_of(path) == f"{path}: missing key training"


def test_a_missing_file_names_its_neighbours(recipe_file):
    path = recipe_file("")
    wrong = path.with_name("smal.toml")
    assert error_of(wrong) == f"No recipe at {wrong}. Did you mean 'small.toml'? Known: small.toml."


def test_unreadable_files_are_one_line(tmp_path, recipe_file):
    assert error_of(tmp_path) == f"Can't read the recipe {tmp_path}: Is a directory."
    for text in ("training = [", "a = " + "[" * 100_000):
        message = error_of(recipe_file(text))
        assert "is not valid TOML" in message
        assert "\n" not in message
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not valid TOML" in error_of(binary)


@pytest.mark.parametrize("text", ["", "task = 3"])
def test_a_recipe_without_a_task_says_what_to_write(recipe_file, text):
    with pytest.raises(UserError, match='names no task: put a line like task = "translate"'):
        read_task(recipe_file(text))


def test_as_dict_is_json_and_from_dict_turns_it_back():
    recipe = Recipe(Training(0.25, 30, True), ("fr", "de"), limit=3)
    values = json.loads(json.dumps(as_dict(recipe)))
    assert values == as_dict(recipe)
    assert from_dict(Recipe, values) == recipe


def test_from_dict_checks_as_files_are_checked():
    values = as_dict(Recipe(Training(0.25)))
    values["training"]["lr"] = -1
    with pytest.raises(UserError, match=r"^Recipe: training.lr must be at least 0.0, got -1.0$"):
        from_dict(Recipe, values)


def test_a_recipe_may_keep_its_task(recipe_file):
    kept = dataclasses.make_dataclass("Kept", [("task", str)], frozen=True)
    assert load_recipe(recipe_file('task = "caption"'), kept).task == "caption"


@pytest.mark.parametrize("kind", [list[str], dict[str, int], Path, int | str, tuple[int, str]])
def test_a_type_that_no_key_can_have_is_told(recipe_file, kind):
    made = dataclasses.make_dataclass("Made", [("x", kind)])
    path = recipe_file("x = [1]")
    with pytest.raises(UserError, match=r"x: .* is no type of a recipe's key: take bool, int"):
        load_recipe(path, made)

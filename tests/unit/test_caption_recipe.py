"""What a recipe of captioning excludes, each told in one line."""

from dataclasses import replace
from pathlib import Path

import pytest

import captioner
from attention_core.errors import UserError
from attention_core.recipe import from_dict, load_recipe
from captioner.learner import CaptionRecipe

RECIPES = sorted((Path(captioner.__file__).parent / "recipes").glob("*.toml"))
RECIPE = {"out": "runs/x", "training": {"epochs": 1}, "self_critical": {"start": "runs/y/best"}}


def test_reward_training_may_be_mixed_with_cross_entropy():
    critical = {"start": "runs/y/best", "cross_entropy": 0.5}
    recipe = from_dict(CaptionRecipe, RECIPE | {"self_critical": critical})
    assert recipe.self_critical.cross_entropy == 0.5


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"training": {"epochs": 1, "label_smoothing": 0.1}},
            "self_critical: training.label_smoothing is of teacher forcing and would do nothing",
        ),
        ({"training": {"epochs": 1, "sampled_softmax": 9}}, "training.sampled_softmax is of"),
    ],
)
def test_what_a_reward_excludes(changes, problem):
    with pytest.raises(UserError) as caught:
        from_dict(CaptionRecipe, RECIPE | changes)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [31, 2049, 20_000])
def test_pictures_are_neither_tiny_nor_huge(size):
    with pytest.raises(UserError, match=r"encoder\.size must be at (least 32|most 2048), got"):
        from_dict(CaptionRecipe, RECIPE | {"encoder": {"size": size}})


def test_teacher_forcing_takes_all_of_it():
    training = {"epochs": 1, "label_smoothing": 0.1}
    recipe = from_dict(CaptionRecipe, {"out": "runs/x", "training": training})
    assert recipe.training.label_smoothing == 0.1


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_that_come_along(path):
    recipe = load_recipe(path, CaptionRecipe)
    assert recipe.out == f"runs/caption-{path.stem}"
    if recipe.self_critical is not None:
        first = path.with_name(path.name.replace("-self-critical", ""))
        before = load_recipe(first, CaptionRecipe)
        assert recipe.self_critical.start == f"{before.out}/best"
        assert (recipe.encoder, recipe.data.languages) == (before.encoder, before.data.languages)
        assert replace(recipe.model, dropout=0) == replace(before.model, dropout=0)

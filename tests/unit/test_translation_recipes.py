"""The recipes that come along can be read, and each model of theirs can be built."""

from pathlib import Path

import pytest

import attention_core.translation
from attention_core.recipe import load_recipe
from attention_core.translation.learner import TranslateRecipe
from attention_core.translation.model import build_model

FOLDER = Path(attention_core.translation.__file__).parent / "recipes"
RECIPES = sorted(FOLDER.rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_that_come_along(path: Path) -> None:
    recipe = load_recipe(path, TranslateRecipe)
    assert build_model(recipe.model, 300).decoder.embedding.num_embeddings == 300
    assert len({each.name for each in RECIPES}) == len(RECIPES)

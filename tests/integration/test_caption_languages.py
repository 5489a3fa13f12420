"""One captioner of two languages, with labels and with texts that have no pictures."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ANIMALS, SCENES
from PIL import Image

from attention_core.errors import UserError
from attention_core.recipe import from_dict
from attention_core.training import train
from captioner.learner import CaptionLearner, CaptionRecipe, TextItem
from captioner.predictor import Captioner


@pytest.fixture(scope="module")
def settings(pictures, tmp_path_factory):
    """A recipe of 36 pictures, told in English and Chinese, and of texts."""
    place = tmp_path_factory.mktemp("mine")
    shutil.copytree(pictures, place, dirs_exist_ok=True)
    with (place / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption", "language"])
        for colour, animal, number in SCENES:
            name = f"{colour}-{animal}-{number}.png"
            rows.writerow([name, f"A {colour} {animal}.", "en"])
            rows.writerow([name, f"一只{ANIMALS[animal][1]}。", "zh"])
    (place / "text.en.txt").write_text("A zebra eats pizza.\nA sheep sleeps.\n" * 9, "utf-8")
    return {
        "out": str(place / "run"),
        "data": {
            "captions": [str(place / "captions.csv")],
            "cache": str(place / "features"),
            "languages": ["en", "zh"],
            "texts": [str(place / "text.en.txt")],
            "texts_drawn": 10,
            "vocabulary": 340,
        },
        "encoder": {"backbone": "efficientnet-lite0", "size": 64, "labels": 3},
        "model": {"embedding": 16, "hidden": 16, "values": 16},
        "training": {"epochs": 2, "batch_tokens": 200, "warmup": 1},
        "search": {"beam": 2, "max_length": 8},
    }


@pytest.fixture(scope="module")
def trained(settings):
    learner = CaptionLearner(from_dict(CaptionRecipe, settings))
    return train(learner, learner.recipe.training, learner.recipe.out, seed=1)


def test_batches_are_of_one_language_with_or_without_pictures(settings):
    learner = CaptionLearner(from_dict(CaptionRecipe, settings))
    batches = learner.batches(0)
    texts = [item for item in batches if isinstance(item, TextItem)]
    assert sum(len(item.texts) for item in texts) == 10
    assert {item.language for item in batches} == {"en", "zh"}
    for item in batches:
        batch = learner.collate(item)
        assert set(batch.tokens[:, 0].tolist()) == {learner.tokenizer.begin(item.language)}
        assert batch.words.tolist() == learner.pieces[item.language]
        assert np.isin(batch.tokens[:, 1:], [*learner.pieces[item.language], 0]).all()
        (source,) = batch.source
        assert source.dim() == (2 if isinstance(item, TextItem) else 3)
        again = learner.collate(item)
        assert torch.equal(again.source[0], source)  # what is drawn is drawn of the item's seed
    assert learner.batches(0)[0] == batches[0] and learner.batches(1) != batches


def test_it_keeps_to_the_language_asked_for_and_knows_how_sure_it_is(trained):
    captioner = Captioner.load(trained)
    picture = Image.new("RGB", (40, 40), "red")
    for language in ("en", "zh"):
        (found,) = captioner.caption([picture], language=language)
        written = json.loads((trained / "pieces.json").read_text())[language]
        (ranked,) = captioner.hypotheses(captioner.tensors([picture]), language=language, width=2)
        assert set(ranked[0].tokens) <= set(written)
        assert found.confidence is not None and 0 < found.confidence < 1
        for grid, looked in zip(found.attention, found.looked, strict=True):
            assert np.shape(grid) == (2, 2) and np.sum(grid) == pytest.approx(looked)


def test_one_that_goes_on_in_one_language_knows_that_alone(settings, trained, tmp_path):
    data = settings["data"] | {"languages": ["zh"], "texts": []}
    changes = {"out": str(tmp_path), "start": str(trained), "data": data}
    learner = CaptionLearner(from_dict(CaptionRecipe, settings | changes))
    captioner = Captioner.load(train(learner, learner.recipe.training, tmp_path, seed=1))
    assert captioner.languages == ("zh",)
    picture = Image.new("RGB", (40, 40), "red")
    assert captioner.caption([picture], language="zh")[0].confidence is not None
    with pytest.raises(UserError, match=r"Unknown language 'en'\. Known: zh\."):
        captioner.caption([picture], language="en")


def test_labels_are_told_of_by_one_prepared_for_use_too(trained):
    captioner = Captioner.load(trained)
    picture = Image.new("RGB", (40, 40), "red")
    for language in ("en", "zh"):
        (one,) = captioner.caption([picture], language=language)
        (other,) = captioner.prepared().caption([picture], language=language)
        assert other.text == one.text and other.looked == pytest.approx(one.looked, abs=1e-3)
        assert other.confidence == pytest.approx(one.confidence, abs=1e-3)


def test_training_that_goes_on_from_a_checkpoint_has_the_features_of_its_run(settings, trained):
    cached = list(Path(settings["data"]["cache"]).glob("*.npy"))
    CaptionLearner(from_dict(CaptionRecipe, settings | {"start": str(trained)}))
    assert list(Path(settings["data"]["cache"]).glob("*.npy")) == cached and len(cached) == 1


def test_a_reward_in_both_languages(settings, trained, tmp_path):
    critical = {"start": str(trained), "samples": 2}
    changes = {"out": str(tmp_path), "self_critical": critical}
    learner = CaptionLearner(from_dict(CaptionRecipe, settings | changes))
    batches = learner.batches(0)
    assert not any(isinstance(item, TextItem) for item in batches)
    assert {item.language for item in batches} == {"en", "zh"}
    reward = learner.objective.reward
    tokenizer = learner.tokenizer
    for said, other in (("a red dog", "a green cat"), ("一只狗", "一只猫")):
        right, wrong = ([*tokenizer.encode(text), tokenizer.eos] for text in (said, other))
        same, different = reward([[right, wrong]], [[right]])[0].tolist()
        assert same > different
    half, whole = ([*tokenizer.encode(text), tokenizer.eos] for text in ("狗和猫", "一只狗"))
    assert reward([[half, half]], [[whole]])[0, 0] > 0  # they have a character in common


@pytest.mark.parametrize(
    ("part", "changes", "problem"),
    [
        ("encoder", {"labels": 0}, "data.texts: they are told by labels"),
        ("encoder", {"fine_tune": True}, "encoder.labels: a classifier needs the features"),
    ],
)
def test_what_labels_and_texts_exclude(settings, part, changes, problem):
    with pytest.raises(UserError) as caught:
        from_dict(CaptionRecipe, settings | {part: settings[part] | changes})
    assert problem in str(caught.value)

"""A captioner of somebody's own pictures, in each format, and what no captioner can learn from."""

import csv
import json
import os
import re
import shutil
import signal

import pytest
import torch
from conftest import ANIMALS, SCENES, attention_core
from safetensors.torch import load_file

from attention_core.tokenizer import Tokenizer
from captioner.learner import CaptionLearner
from captioner.vision import torchvision

RECIPE = "captioner/recipes/own.toml"
SMALL = {
    "encoder.backbone": "squeezenet1_1",
    "encoder.weights": "random",
    "encoder.size": 64,
    "data.vocabulary": 300,
    "model.embedding": 16,
    "model.hidden": 16,
    "model.values": 16,
    "training.epochs": 1,
    "training.batch_tokens": 200,
    "training.warmup": 1,
    "search.beam": 2,
    "search.max_length": 8,
}


@pytest.fixture
def mine(pictures, tmp_path):
    """A folder of these pictures, to put captions beside."""
    return shutil.copytree(pictures, tmp_path / "mine")


def described():
    return [
        (f"{colour}-{animal}-{number}.png", text)
        for colour, animal, number in SCENES
        for text in (f"A {colour} {animal}.", f"This {animal} is {colour}.")
    ]


def write_csv(path, rows, header=("image", "caption")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def train(folder, *changes, captions=None, cache=None):
    files = [str(folder / name) for name in captions] if captions else [str(folder)]
    settings = SMALL | {
        "out": folder.parent / "run",
        "data.captions": json.dumps(files),
        "data.cache": cache or folder.parent / "features",
    }
    pairs = [*(f"{key}={value}" for key, value in settings.items()), *changes]
    return attention_core("train", RECIPE, *(part for pair in pairs for part in ("--set", pair)))


def refused(result):
    """The one line that is told, less the progress of what was done before."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    *_, error = result.stderr.splitlines()
    assert error.startswith("error: ")
    return error


def test_a_folder_with_a_table_makes_a_captioner(mine, monkeypatch):
    monkeypatch.setenv("PATH", "")  # without Java, which is slow to start
    write_csv(mine / "captions.csv", described())
    best = mine.parent / "run" / "best"
    result = train(mine, "training.epochs=8", "training.learning_rate=0.02")
    assert (result.exit_code, result.stdout) == (0, f"{best}\n"), result.stderr
    scored = attention_core("evaluate", best, "--json")
    (scores,) = json.loads(scored.stdout).values()
    assert scores["pictures"] > 0 and "CIDEr" in scores
    said = attention_core("caption", mine / "red-dog-0.png", "--checkpoint", best)
    assert (said.exit_code, said.stderr) == (0, "") and said.stdout.strip()
    card = (best / "README.md").read_text()
    assert "squeezenet1_1 (random weights, frozen)" in card and "captions.csv" in card


def test_pictures_that_cannot_be_read_are_told_before_an_encoder_learns(mine):
    write_csv(mine / "captions.csv", described())
    broken = sorted(path.name for path in mine.glob("*.png"))[:2]
    for name in broken:
        (mine / name).write_bytes(b"no picture")
    result = train(mine, "encoder.backbone=shufflenet_v2_x0_5", "encoder.fine_tune=true")
    assert result.exit_code == 1
    assert "2 of the pictures can't be read" in result.stderr
    assert all(name in result.stderr for name in broken)


def test_an_encoder_that_learns_too(mine):
    """From the frozen one on; its statistics and the run without fine-tuning stay as they are."""
    write_csv(mine / "captions.csv", described())
    small = ("encoder.backbone=shufflenet_v2_x0_5",)
    assert train(mine, *small).exit_code == 0
    frozen = mine.parent / "run" / "best"
    changes = (
        *small,
        f"out={mine.parent / 'tuned'}",
        f"start={frozen}",
        "encoder.fine_tune=true",
        "encoder.learning_rate=0.001",
    )
    result = train(mine, *changes)
    assert result.exit_code == 0, result.stderr
    before, after = (
        load_file(run / "model.safetensors") for run in (frozen, mine.parent / "tuned" / "best")
    )
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    weights = {name for name in before if name.startswith("encoder.backbone.")}
    assert any(name.endswith("conv5.0.weight") for name in moved & weights)
    assert not any("running_" in name or "num_batches" in name for name in moved)
    assert (mine.parent / "tuned" / "best" / "tokenizer.model").read_bytes() == (
        frozen / "tokenizer.model"
    ).read_bytes()
    again = train(mine, *changes)
    assert (again.exit_code, again.stdout) == (0, result.stdout)
    still = train(mine, *changes, "encoder.learning_rate=0", f"out={mine.parent / 'still'}")
    assert still.exit_code == 0, still.stderr
    at_rest = load_file(mine.parent / "still" / "best" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], at_rest[name])}
    assert moved and not moved & weights


def test_a_fine_tuned_run_that_is_interrupted_goes_on_bit_for_bit(mine, monkeypatch):
    write_csv(mine / "captions.csv", described())
    changes = ("encoder.fine_tune=true", "encoder.learning_rate=0.001", "training.epochs=2")
    whole = train(mine, *changes, f"out={mine.parent / 'whole'}")
    assert whole.exit_code == 0, whole.stderr
    collate, calls = CaptionLearner.collate, []

    def interrupted(self, item):
        calls.append(item)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return collate(self, item)

    monkeypatch.setattr(CaptionLearner, "collate", interrupted)
    assert train(mine, *changes).exit_code == 130
    assert train(mine, *changes).exit_code == 0
    one, other = (mine.parent / run / "best" / "model.safetensors" for run in ("whole", "run"))
    assert one.read_bytes() == other.read_bytes()


def test_two_languages_of_one_table(mine):
    rows = [(image, text, "en") for image, text in described()] + [
        (f"{c}-{a}-{n}.png", f"{ANIMALS[a][1]}在{n}", "zh") for c, a, n in SCENES
    ]
    write_csv(mine / "captions.csv", rows, ("image", "caption", "language"))
    result = train(mine, 'data.languages=["zh", "en"]')
    assert result.exit_code == 0, result.stderr
    best = mine.parent / "run" / "best"
    said = attention_core("caption", mine / "red-dog-0.png", "--checkpoint", best, "--lang", "zh")
    assert said.exit_code == 0, said.stderr
    assert "no caption is in 'fr'" in refused(train(mine, 'data.languages=["fr"]'))


def coco(images=None, annotations=None):
    names = [f"{c}-{a}-{n}.png" for c, a, n in SCENES] if images is None else images
    listed = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    texts = [{"id": 100 + n, "image_id": n, "caption": "A thing."} for n in range(len(names))]
    return {"images": listed, "annotations": texts if annotations is None else annotations}


def bad_coco(folder, content):
    (folder / "captions.json").write_text(json.dumps(content))


def bad_csv(folder, rows, header=("image", "caption")):
    write_csv(folder / "captions.csv", rows, header)


WITH_SPLIT = [(image, text, "train") for image, text in described()]
BAD_DATA = {
    "names 1 of 37 pictures that aren't in .*, such as 'red-dgo-0.png'. Did you mean 'red-dog-": (
        lambda f: bad_csv(f, [*described(), ("red-dgo-0.png", "A dog.")])
    ),
    "line 74: the picture red-dog-0.png has no caption: caption it or leave it out": (
        lambda f: bad_csv(f, [*described(), ("red-dog-0.png", " ")])
    ),
    "1 of 36 pictures have no caption, such as red-dog-0.png": (
        lambda f: bad_coco(f, coco() | {"annotations": coco()["annotations"][1:]})
    ),
    "expected COCO's keys, images .id, file_name. and annotations .*, got info, pictures": (
        lambda f: bad_coco(f, {"info": {}, "pictures": []})
    ),
    "has no captions: none of its annotations has a 'caption'": (
        lambda f: bad_coco(f, coco() | {"annotations": [{"id": 1, "text": "A dog."}]})
    ),
    "captions.json is not JSON": (lambda f: (f / "captions.json").write_text('{"images": [')),
    "the id 3 of images comes 2 times": (
        lambda f: bad_coco(f, coco() | {"images": [*coco()["images"], coco()["images"][3]]})
    ),
    "the id 100 of annotations comes 2 times": (
        lambda f: bad_coco(
            f, coco() | {"annotations": [*coco()["annotations"], coco()["annotations"][0]]}
        )
    ),
    "the caption 7 is of the picture 99, which isn't among its images": (
        lambda f: bad_coco(f, coco(annotations=[{"id": 7, "image_id": 99, "caption": "A dog."}]))
    ),
    "red-dog-0.png#0 comes twice: number captions apart": (
        lambda f: (f / "a.token").write_text("red-dog-0.png#0\tA dog.\n" * 2)
    ),
    "has no picture for val with a caption in 'en': more pictures are needed": (
        lambda f: bad_csv(f, WITH_SPLIT, ("image", "caption", "split"))
    ),
    "red-dog-0.png is in train and in val: a picture has one split": (
        lambda f: bad_csv(
            f, [*WITH_SPLIT, ("red-dog-0.png", "A dog.", "val")], ("image", "caption", "split")
        )
    ),
    "unknown split 'trian'. Did you mean 'train'": (
        lambda f: bad_csv(f, [("red-dog-0.png", "A.", "trian")], ("image", "caption", "split"))
    ),
    "the training captions in 'en' have no words to learn a vocabulary from": (
        lambda f: bad_csv(f, [(image, ".") for image, _ in described()])
    ),
    "expected a header with the columns image and caption .*, got picture, text": (
        lambda f: bad_csv(f, described(), ("picture", "text"))
    ),
    "captions.csv is empty": (lambda f: (f / "captions.csv").write_text("\n")),
    "captions.csv is not UTF-8 text": (
        lambda f: (f / "captions.csv").write_bytes("image,caption\na,Käse\n".encode("latin-1"))
    ),
    "captions.jsonl, line 2: this is not JSON": (
        lambda f: (f / "captions.jsonl").write_text('{"image": "a", "caption": "b"}\n{\n')
    ),
    "has 0 files of captions .*, and should have one: add it": lambda f: None,
    "has 2 files of captions .*: name it in data.captions: a.csv, b.json": (
        lambda f: [(f / name).write_text("x") for name in ("a.csv", "b.json")]
    ),
}


@pytest.mark.parametrize("problem", BAD_DATA)
def test_data_that_no_captioner_can_be_learned_from(mine, problem):
    BAD_DATA[problem](mine)
    error = refused(train(mine))
    assert re.search(problem, error), error
    assert not (mine.parent / "run").exists()


def test_captions_that_are_not_there(mine):
    write_csv(mine / "captions.csv", described())
    error = refused(train(mine, captions=["captoins.csv"]))
    assert f"Did you mean '{mine / 'captions.csv'}'?" in error
    error = refused(train(mine, 'data.languages=["en", "de"]'))
    assert "the captions don't tell their language" in error


def test_a_vocabulary_is_no_larger_than_a_small_folder_has(mine):
    write_csv(mine / "captions.csv", described())
    assert train(mine, "data.vocabulary=9000").exit_code == 0
    best = mine.parent / "run" / "best"
    assert 270 < Tokenizer.load(best / "tokenizer.model").size < 400


def test_a_run_is_not_gone_on_with_on_other_captions(mine):
    write_csv(mine / "captions.csv", described())
    assert train(mine).exit_code == 0
    again = train(mine)
    assert again.exit_code == 0 and "had ended already" in again.stderr
    write_csv(mine / "captions.csv", [(name, text + " Look!") for name, text in described()])
    assert "is the state of a run with another text to learn from: give" in refused(train(mine))


def test_a_run_is_not_gone_on_with_on_another_encoder(mine, tmp_path):
    write_csv(mine / "captions.csv", described())
    assert train(mine).exit_code == 0
    path = tmp_path / "squeezenet.pth"
    torch.manual_seed(7)
    torch.save(torchvision().models.squeezenet1_1(weights=None).state_dict(), path)
    error = refused(train(mine, f"encoder.weights={path}"))
    assert "is the state of a run with another encoder: give" in error


def test_what_a_run_that_never_began_left_is_not_used(mine):
    write_csv(mine / "captions.csv", [(name, "Quite something else.") for name, _ in described()])
    assert train(mine).exit_code == 0
    run = mine.parent / "run"
    left = (run / "tokenizer.model").read_bytes()
    (run / "state.pt").unlink()
    write_csv(mine / "captions.csv", described())
    assert train(mine).exit_code == 0
    assert (run / "tokenizer.model").read_bytes() != left


def test_a_picture_that_is_no_picture(mine):
    write_csv(mine / "captions.csv", described())
    (mine / "red-dog-0.png").write_text("not a picture")
    assert f"{mine / 'red-dog-0.png'} is not a picture of a known kind" in refused(train(mine))


def test_pictures_without_captions_are_counted_and_left_out(mine):
    write_csv(mine / "captions.csv", described()[2:])
    result = train(mine)
    assert result.exit_code == 0, result.stderr
    assert f"{mine}: 1 of 36 pictures have no caption and are left out, such as" in result.stderr


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("encoder.backbone=resnet5", "There is no backbone 'resnet5'. Did you mean 'resnet50'?"),
        ("encoder.backbone=resnet18", "are of another network than resnet18"),
        ("encoder.weights=none.pth", "There are no weights at none.pth"),
    ],
)
def test_backbones_and_weights_that_are_none(mine, tmp_path, change, problem):
    write_csv(mine / "captions.csv", described())
    path = tmp_path / "squeezenet.pth"
    torch.save(torchvision().models.squeezenet1_1(weights=None).state_dict(), path)
    assert problem in refused(train(mine, f"encoder.weights={path}", change))


def test_weights_that_must_be_fetched(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    write_csv(mine / "captions.csv", described())
    settings = [f"{k}={v}" for k, v in SMALL.items() if k != "encoder.weights"]
    settings += [f"out={tmp_path / 'run'}", f'data.captions=["{mine}"]']
    result = attention_core("train", RECIPE, *(x for s in settings for x in ("--set", s)))
    assert "fetch https://download.pytorch.org/models/squeezenet1_1" in refused(result)


def test_a_feature_cache_of_another_encoder(mine):
    """Features of one encoder under the name of those of another."""
    write_csv(mine / "captions.csv", described())
    cache = mine.parent / "features"
    assert train(mine).exit_code == 0
    (mine.parent / "run" / "state.pt").unlink()
    (listing,) = cache.glob("*.json")
    content = json.loads(listing.read_text())
    listing.write_text(json.dumps(content | {"key": "0" * 64}))
    assert "is of another encoder" in refused(train(mine))

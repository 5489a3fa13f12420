"""Labels of the classifier beside the picture, and texts that stand for pictures by them."""

import gzip

import numpy as np
import pytest
import torch

from attention_core.errors import UserError
from captioner.backbones import load_backbone
from captioner.encoder import PictureEncoder
from captioner.features import grid
from captioner.labels import CLASSES, LEAST, LabelMemory, labels, named
from captioner.texts import Text, imagined, read

NUMBER = {label.name: number for number, label in enumerate(labels())}


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    backbone = load_backbone("efficientnet-lite0", size=64)
    return PictureEncoder(backbone, values=8, dropout=0.0, labels=5)


def test_the_table_is_of_classes_that_there_are_in_all_three_languages():
    for label in labels():
        assert label.classes and all(0 <= number < CLASSES for number in label.classes)
        assert label.words.keys() == {"en", "zh", "de"}
    assert len({label.name for label in labels()}) == len(labels())


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("a PIZZA on a wooden table", "en", ["pizza", "table"]),
        ("concatenated doggerel", "en", []),
        ("一只猫在吃披萨", "zh", ["cat", "pizza"]),
        ("Zwei Hunde am Strand", "de", ["dog", "beach"]),
        ("Giraffen an Tischen, und eine Eisenbahn", "de", ["deer", "table"]),
        ("a dog", "fr", []),  # a language that the table hasn't
    ],
)
def test_what_a_text_names(text, language, found):
    assert [labels()[i].name for i in named(text, language)] == found


def test_a_label_is_as_likely_as_its_classes_together():
    memory = LabelMemory(values=4, most=2)
    probabilities = torch.full((1, CLASSES), 0.5 / (CLASSES - 3))
    probabilities[0, [151, 268, 963]] = torch.tensor([0.1, 0.1, 0.3])  # two dogs and a pizza
    found = memory.probabilities(probabilities.log())[0]
    rest = 0.5 / (CLASSES - 3)
    assert found[NUMBER["pizza"]].item() == pytest.approx(0.3, rel=1e-3)
    assert found[NUMBER["dog"]].item() == pytest.approx(0.2 + 119 * rest, rel=1e-3)


def test_labels_are_positions_with_their_certainty():
    torch.manual_seed(0)
    memory = LabelMemory(values=4, most=3)
    torch.nn.init.normal_(memory.certainty)
    given = torch.zeros(1, len(labels()))
    given[0, 7], given[0, 2], given[0, 5] = 0.6, 0.3, LEAST / 2
    values, valid, summary = memory(given)
    embedded = memory.embedding.weight
    assert valid.tolist() == [[True, True, False]]
    torch.testing.assert_close(values[0, 0], embedded[7] + np.log(0.6) * memory.certainty)
    torch.testing.assert_close(values[0, 1], embedded[2] + np.log(0.3) * memory.certainty)
    torch.testing.assert_close(summary[0], 0.6 * embedded[7] + 0.3 * embedded[2])


def test_pictures_and_features_and_what_is_told_of_them_are_encoded_alike(encoder):
    pictures = torch.randn(2, 3, 64, 64)
    encoder.eval()
    with torch.inference_mode():
        features = grid(encoder.backbone, pictures)
        seen, earlier = encoder(pictures), encoder(features)
        logits = encoder.backbone.classify(encoder.backbone(pictures))
        told = encoder(encoder.labels.probabilities(logits))
    assert seen.values.shape == (2, 4 + 5, 8) and seen.valid[:, :4].all()
    for one, other in zip(seen[:3], earlier[:3], strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(told.values, seen.values[:, 4:])
    assert torch.equal(told.valid, seen.valid[:, 4:])
    torch.testing.assert_close(told.summary + seen.values[:, :4].mean(1), seen.summary)


def test_training_hides_the_grid_of_some_pictures_that_have_labels(encoder, monkeypatch):
    features = torch.rand(200, 4, 1280) * 0.5
    encoder.train()
    with torch.no_grad():
        found = encoder(features)
        shown = found.valid[:, :4]
        named = found.valid[:, 4:].any(1)
        assert torch.equal(shown.any(1), shown.all(1)) and (shown.any(1) | named).all()
        assert 0.1 < 1 - shown[named].float().mean() < 0.4
        own = found.summary - found.values[:, :4].mean(1) * shown[:, :1]
        encoder.eval()
        everything = encoder(features)
        torch.testing.assert_close(own, everything.summary - everything.values[:, :4].mean(1))
        assert everything.valid[:, :4].all()


def test_labels_of_a_network_without_its_classifier():
    backbone = load_backbone("squeezenet1_1", size=64, weights="random")
    with pytest.raises(UserError, match=r"encoder\.labels: squeezenet1_1 hasn't its classifier"):
        PictureEncoder(backbone, values=8, dropout=0.0, labels=5)


def test_texts_that_name_something(tmp_path):
    (tmp_path / "text.zh.txt").write_text("一只猫\n天空\n", "utf-8")
    content = "A Dog .\nNothing here\nTwo cats and a pizza.\n"
    (tmp_path / "text.en.txt.gz").write_bytes(gzip.compress(content.encode()))
    paths = [str(tmp_path / "text.zh.txt"), str(tmp_path / "text.en.txt.gz")]
    assert read(paths, ("en", "zh")) == {
        "zh": [Text("一只猫", [NUMBER["cat"]])],
        "en": [
            Text("a dog", [NUMBER["dog"]]),
            Text("two cats and a pizza", [NUMBER["cat"], NUMBER["pizza"]]),
        ],
    }


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("text.en.txt", None, "there is no file"),
        ("text.en.txt.gz", b"no archive", "is damaged"),
        ("text.fr.txt", b"un chien", "tells none of the languages en, zh: rename it"),
        ("text.en.txt", b"the sky", "no line of .* names a label"),
    ],
)
def test_bad_texts_are_told(tmp_path, name, content, problem):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=problem):
        read([str(tmp_path / name)], ("en", "zh"))


def test_imagined_probabilities_err_as_a_classifier_does():
    generator = np.random.default_rng(0)
    drawn = np.stack([imagined([3, 5], generator) for _ in range(2000)])
    assert (drawn >= 0).all() and (drawn.sum(1) <= 1 + 1e-5).all()
    assert (drawn[:, [3, 5]].max(1) > 0).all()  # one is always left
    assert 0.1 < (drawn[:, 3] == 0).mean() < 0.25
    wrong = np.delete(drawn, [3, 5], axis=1).max(1)
    assert 0.6 < (wrong > 0).mean() < 0.85
    assert (wrong > drawn[:, [3, 5]].max(1)).mean() < 0.2

"""What fine-tuning changes: the pictures, so that captions stay true, and no statistics."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from captioner.augment import LEAST, augmented, may_mirror
from captioner.backbones import load_backbone
from captioner.encoder import PictureEncoder
from captioner.features import grid


@pytest.mark.parametrize(
    ("language", "text", "may"),
    [
        ("en", "A dog runs.", True),
        ("en", "The Left one", False),
        ("en", "a right-handed player", False),
        ("en", "a bright light", True),
        ("zh", "一只狗在跑", True),
        ("zh", "左边的狗", False),
        ("zh", "他的右手", False),
        ("de", "Ein Hund rennt.", True),
        ("de", "Links steht ein Hund.", False),
        ("de", "die rechte Hand", False),
        ("de", "in seiner linken Hand", False),
        ("de", "ein rechteckiges Haus", True),
        ("fr", "Un chien court.", False),  # whose words for the sides aren't known here
    ],
)
def test_what_a_mirror_would_make_wrong(language, text, may):
    assert may_mirror(["Egal. 好.", text], language) == may


def test_crops_keep_most_and_mirrors_are_as_likely_as_not():
    gradient = np.mgrid[:60, :80][1].astype(np.uint8)
    picture = Image.fromarray(gradient).convert("RGB")
    generator = np.random.default_rng(0)
    mirrored = 0
    for _ in range(400):
        found = augmented(picture, ["A dog."], "en", generator)
        assert found.width * found.height >= 0.97 * LEAST * 60 * 80
        assert found.width / found.height == pytest.approx(80 / 60, rel=0.03)
        row = np.asarray(found)[0, :, 0].astype(int)
        assert set(np.diff(row)) in ({1}, {-1})
        mirrored += row[0] > row[-1]
    assert 160 < mirrored < 240


def test_what_tells_a_side_is_never_mirrored():
    picture = Image.fromarray(np.mgrid[:60, :80][1].astype(np.uint8)).convert("RGB")
    generator = np.random.default_rng(0)
    for _ in range(50):
        row = np.asarray(augmented(picture, ["A dog.", "On the left."], "en", generator))[0, :, 0]
        assert row[0] < row[-1]
    assert ImageOps.mirror(picture).getpixel((0, 0)) == (79, 79, 79)


def test_the_statistics_of_the_backbone_never_change():
    torch.manual_seed(0)
    backbone = load_backbone("shufflenet_v2_x0_5", size=64, weights="random")
    encoder = PictureEncoder(backbone, values=8, dropout=0.5)
    pictures = torch.randn(2, 3, 64, 64)
    before = {name: x.clone() for name, x in backbone.named_buffers()}
    encoder.train()
    assert encoder.dropout.training
    features = grid(backbone, pictures)
    encoder(pictures).values.sum().backward()
    encoder.eval()
    assert torch.equal(grid(backbone, pictures), features)
    for name, x in backbone.named_buffers():
        assert torch.equal(x, before[name])
    assert all(weight.grad is not None for weight in backbone.parameters())


def test_features_computed_earlier_are_the_pictures():
    torch.manual_seed(0)
    backbone = load_backbone("squeezenet1_1", size=64, weights="random")
    encoder = PictureEncoder(backbone, values=8, dropout=0.5).eval()
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        one, other = encoder(pictures), encoder(grid(backbone, pictures))
    assert one.values.shape == (2, 9, 8) and one.valid.all()
    torch.testing.assert_close(one.values, other.values)
    torch.testing.assert_close(one.summary, one.values.mean(1))

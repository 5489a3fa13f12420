"""The feature cache: right numbers, right key, and an exact resume."""

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attention_core.errors import UserError
from captioner import features
from captioner.corpus import Picture
from captioner.efficientnet_lite import MEAN, STD, EfficientNetLite
from captioner.features import AT_ONCE, BATCH, FeatureCache, build, cache_key, features_of, grid
from captioner.images import to_tensor

SIZE = 64


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite:
    """Random weights, with statistics that give features of the size of a trained network's."""
    torch.manual_seed(0)
    model = EfficientNetLite("efficientnet-lite0")
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model(torch.randn(8, 3, SIZE, SIZE))
    return model.eval()


def noise(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8))


class Noise(Picture):
    """A picture of noise, which interrupts the build where it is the last."""

    def open(self) -> Image.Image:
        if self.length == 0:
            raise KeyboardInterrupt
        return noise(self.start)


def pictures(count: int, stop: int | None = None) -> Iterator[Picture]:
    for number in range(count):
        yield Noise(Path(), f"p{number}", number, 0 if number == stop else None)


def test_numbers_and_their_order(tmp_path: Path, backbone: EfficientNetLite) -> None:
    cache = build(tmp_path, backbone, SIZE, pictures(5))
    assert (len(cache), cache.shape, cache.ids) == (5, (4, 1280), ["p0", "p1", "p2", "p3", "p4"])
    assert "p4" in cache and "p5" not in cache
    images = torch.stack([to_tensor(noise(number), SIZE, MEAN, STD) for number in range(5)])
    with torch.inference_mode():
        expected = backbone(images)
    assert expected.std() > 0.1
    found = cache[["p3", "p1", "p3"]]
    assert found.dtype == torch.float32
    for row, number in enumerate((3, 1, 3)):
        by_hand = torch.stack([expected[number, :, y, x] for y in (0, 1) for x in (0, 1)])
        torch.testing.assert_close(found[row], by_hand, rtol=1e-3, atol=1e-3)


def test_grid_is_row_by_row(backbone: EfficientNetLite) -> None:
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(grid(backbone, image)[0, 4], backbone(image)[0, :, 1, 1])


def test_the_array_is_plain_numpy(tmp_path: Path, backbone: EfficientNetLite) -> None:
    cache = build(tmp_path, backbone, SIZE, pictures(BATCH + 1))
    rows = np.load(cache.path)
    assert rows.dtype == np.float16 and rows.shape == (BATCH + 1, 4, 1280)
    assert torch.equal(cache[["p16"]][0], torch.from_numpy(rows[16]).float())


@pytest.mark.parametrize("stop", [3, BATCH, BATCH + 5])
def test_interrupted_build_resumes_exactly(
    tmp_path: Path, backbone: EfficientNetLite, stop: int
) -> None:
    whole = build(tmp_path / "whole", backbone, SIZE, pictures(2 * BATCH + 3))
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "cut", backbone, SIZE, pictures(2 * BATCH + 3, stop))
    cut = build(tmp_path / "cut", backbone, SIZE, pictures(2 * BATCH + 3))
    for suffix in (".npy", ".json"):
        one, other = whole.path.with_suffix(suffix), cut.path.with_suffix(suffix)
        assert one.read_bytes() == other.read_bytes()


def test_interrupted_between_the_rows_and_their_ids(
    tmp_path: Path, backbone: EfficientNetLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build(tmp_path / "whole", backbone, SIZE, pictures(BATCH + 3))
    write, calls = features._write_json, iter([True, False])

    def failing(path: Path, content: dict[str, object]) -> None:
        if not next(calls):
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(features, "_write_json", failing)
        build(tmp_path / "cut", backbone, SIZE, pictures(BATCH + 3))
    path = tmp_path / "cut" / whole.path.name
    key = cache_key(backbone, SIZE)
    assert (len(FeatureCache(path, key)), len(np.load(path))) == (BATCH, BATCH + 3)
    build(tmp_path / "cut", backbone, SIZE, pictures(BATCH + 3))
    assert path.read_bytes() == whole.path.read_bytes()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that are computed during the test."""
    sizes: list[int] = []

    def counting(backbone: EfficientNetLite, images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return features_of(backbone, images)

    monkeypatch.setattr(features, "features_of", counting)
    return sizes


@pytest.mark.parametrize("count", [1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 3])
def test_pictures_are_seen_alike_however_many_there_are(
    backbone: EfficientNetLite, count: int
) -> None:
    images = torch.rand(count, 3, SIZE, SIZE)
    found = features_of(backbone, images)
    assert not found.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(found, grid(backbone, images), atol=1e-4, rtol=1e-3)


def test_only_missing_pictures_are_computed(
    tmp_path: Path, backbone: EfficientNetLite, computed: list[int]
) -> None:
    build(tmp_path, backbone, SIZE, pictures(4))
    assert build(tmp_path, backbone, SIZE, pictures(6)).ids == [f"p{n}" for n in range(6)]
    assert computed == [4, 2]


def test_the_second_of_two_builds_waits(
    tmp_path: Path, backbone: EfficientNetLite, computed: list[int]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(build, tmp_path, backbone, SIZE, pictures(BATCH + 4)) for _ in "ab"]
    for run in runs:
        assert run.result().ids == [f"p{n}" for n in range(BATCH + 4)]
    assert computed == [BATCH, 4]


def test_key_is_over_all_that_features_depend_on(backbone: EfficientNetLite) -> None:
    key = cache_key(backbone, SIZE)
    assert cache_key(backbone, 96) != key
    same = copy.deepcopy(backbone)
    assert cache_key(same, SIZE) == key
    with torch.no_grad():
        same.classifier.bias += 1
        assert cache_key(same, SIZE) == key
        same.head.norm.running_mean[0] += 1
        assert cache_key(same, SIZE) != key
    same = copy.deepcopy(backbone)
    same.mean = 0.4
    assert cache_key(same, SIZE) != key


def test_progress_stays_off_standard_output(
    tmp_path: Path, backbone: EfficientNetLite, capfd: pytest.CaptureFixture[str]
) -> None:
    build(tmp_path, backbone, SIZE, pictures(2))
    assert capfd.readouterr().out == ""


def test_caches_that_can_not_be_used(tmp_path: Path, backbone: EfficientNetLite) -> None:
    cache = build(tmp_path, backbone, SIZE, pictures(3))
    key = cache_key(backbone, SIZE)
    with pytest.raises(UserError, match="lacks 1 pictures, such as 'other'"):
        cache[["p1", "other"]]
    with pytest.raises(UserError, match="can't be read"):
        FeatureCache(tmp_path / "nothing.npy", key)
    with pytest.raises(UserError, match=f"of another encoder .key {key[:12]}, expected 0123"):
        FeatureCache(cache.path, "0123")
    listing = cache.path.with_suffix(".json")
    content = json.loads(listing.read_text())
    listing.write_text(json.dumps({**content, "ids": [*content["ids"], "p3"]}))
    with pytest.raises(UserError, match="has 3 rows for 4 pictures"):
        FeatureCache(cache.path, key)
    listing.write_text("{")
    with pytest.raises(UserError, match="can't be read"):
        FeatureCache(cache.path, key)
    listing.write_text(json.dumps(content))
    cache.path.write_bytes(cache.path.read_bytes()[:-1])
    with pytest.raises(UserError, match="can't be read"):
        FeatureCache(cache.path, key)


def test_a_cache_under_the_name_of_another(tmp_path: Path, backbone: EfficientNetLite) -> None:
    """As where files are copied or renamed by hand."""
    cache = build(tmp_path, backbone, SIZE, pictures(3))
    other = copy.deepcopy(backbone)
    with torch.no_grad():
        other.stem.conv.weight += 1
    name = f"{other.name}-{SIZE}-{cache_key(other, SIZE)[:12]}"
    for suffix in (".npy", ".json"):
        (tmp_path / name).with_suffix(suffix).write_bytes(
            cache.path.with_suffix(suffix).read_bytes()
        )
    with pytest.raises(UserError, match="is of another encoder"):
        build(tmp_path, other, SIZE, pictures(3))


def test_a_picture_that_changes_is_computed_again(
    tmp_path: Path, backbone: EfficientNetLite
) -> None:
    path = tmp_path / "a.png"
    noise(1).save(path)
    before = Picture.file(path)
    first = build(tmp_path / "cache", backbone, SIZE, [before])[[before.stamp]]
    noise(2).rotate(90).resize((30, 30)).save(path)
    after = Picture.file(path)
    assert after.stamp != before.stamp
    second = build(tmp_path / "cache", backbone, SIZE, [after])[[after.stamp]]
    assert (first - second).abs().max() > 0.1


def test_all_pictures_that_cant_be_read_are_told_at_once(
    tmp_path: Path, backbone: EfficientNetLite
) -> None:
    for number in range(4):
        noise(number).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "3.png").write_bytes(b"no picture")
    found = [Picture.file(tmp_path / f"{number}.png") for number in range(4)]
    with pytest.raises(UserError, match="2 of the pictures can't be read") as caught:
        build(tmp_path / "cache", backbone, SIZE, found)
    told = str(caught.value).splitlines()
    assert len(told) == 3 and "1.png is empty" in told[1] and "3.png" in told[2]


def test_a_cache_that_cant_be_written_is_named(
    tmp_path: Path, backbone: EfficientNetLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features, "_write_rows", full)
    with pytest.raises(UserError, match=r"feature cache .*lite0-64-.*: No space left on device"):
        build(tmp_path, backbone, SIZE, pictures(1))

"""``attention-core caption --ray`` on a cluster of two workers, also where one is lost."""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import attention_core
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # Ray's
ray = pytest.importorskip("ray", reason="an extra: ray")

EXAMPLES = Path(__file__).parents[2] / "captioner" / "examples"


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.fixture
def album(tmp_path):
    """60 pictures, and one that is none."""
    folder = tmp_path / "album"
    folder.mkdir()
    pictures = sorted(EXAMPLES.glob("*.jpg"))
    for number in range(60):
        shutil.copy(pictures[number % len(pictures)], folder / f"{number:03}.jpg")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def captions(path: Path) -> dict[str, str]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["image"]: row["caption"] for row in rows}


def workers() -> list[int]:
    """The processes of the cluster that caption."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, command in lines if "ray::MapWorker" in command]


def test_the_same_captions_as_without(cluster, album, tmp_path):
    plain, by_ray = tmp_path / "plain.jsonl", tmp_path / "ray.jsonl"
    options = ["--beam", 1, "--html", tmp_path / "x.html", "--out"]
    assert attention_core("caption", album, "--beam", 1, "--out", plain).exit_code == 1
    result = attention_core("caption", album, "--ray", *options, by_ray)
    problem, summary = result.stderr.splitlines()[-2:]
    assert result.exit_code == 1
    assert re.fullmatch(r"60 captioned( \(\d+ of them not sure\))?, 1 failed", summary)
    assert "broken.jpg is not a picture" in problem
    assert list(captions(by_ray).items()) == list(captions(plain).items())
    assert len(list((tmp_path / "x.thumbnails").iterdir())) == 60


def test_a_lost_worker_loses_no_pictures(cluster, album, monkeypatch):
    from captioner import TASK
    from captioner.collections import cluster
    from captioner.collections.cluster import caption_on_cluster
    from captioner.collections.stream import Asked

    monkeypatch.setattr(cluster, "BLOCK", 6)
    paths = sorted(album.glob("[0-9]*.jpg"))
    results = caption_on_cluster(TASK.shipped, iter(paths), Asked("en", beam=1))
    found = [next(results)]
    lost = workers()
    assert lost
    for process in lost:
        os.kill(process, signal.SIGKILL)
    found += results
    assert not {*lost} & {*workers()}
    assert [result.path for result in found] == paths
    assert sum(result.caption is not None for result in found) == 60


def test_a_picture_that_crashes_its_workers_is_told_of(cluster, album, monkeypatch):
    from captioner import TASK
    from captioner.collections import cluster
    from captioner.collections.stream import Asked

    class Fragile(cluster.Worker):
        """Which a picture of 20 pixels crashes, as a fault in the library that reads it may."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            tensors = self.captioner.tensors
            self.captioner.tensors = lambda pictures: (
                os._exit(1) if pictures[0].size == (20, 20) else tensors(pictures)
            )

    monkeypatch.setattr(cluster, "Worker", Fragile)
    monkeypatch.setattr(cluster, "BLOCK", 6)
    Image.new("RGB", (20, 20)).save(album / "004.jpg")
    paths = sorted(album.glob("00*.jpg"))
    results = list(cluster.caption_on_cluster(TASK.shipped, iter(paths), Asked("en", beam=1)))
    assert [result.path for result in results] == paths
    (failed,) = (result for result in results if result.caption is None)
    expected = f"{album / '004.jpg'} crashed 2 workers: look at it, or leave it out"
    assert failed.problem == expected


def test_no_pictures_need_no_cluster():
    from captioner.collections.cluster import caption_on_cluster
    from captioner.collections.stream import Asked

    assert list(caption_on_cluster(Path("none"), [], Asked("en"))) == []

"""Grid features of pictures, computed once and kept on disk.

A cache is a pair of files whose name carries the key of what computed it:

    efficientnet-lite2-224-0123456789ab.npy    float16 (n, S, F), read through a memory map
    efficientnet-lite2-224-0123456789ab.json   {"key": ..., "ids": [n stamps of pictures]}

The key is over everything a feature depends on but the picture, so features of other weights,
another size or another transform live under another name; and a picture's stamp changes as the
picture does. Rows beyond the last id are an interrupted batch and count for nothing.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attention_core.errors import UserError
from captioner.backbones import Backbone
from captioner.corpus import Picture

BATCH = 16
AT_ONCE = 4  # pictures in a network, of a batch
TRANSFORM = "whole picture to a square, bicubic, antialiased; mean {mean}, std {std}"


class FeatureCache:
    """Features on disk by a picture's stamp: `cache[["a", "b"]]` is a float32 tensor (2, S, F).

    Args:
        path: the `.npy` file; its `.json` lies beside it.
        key: of the encoder that its features must be of.

    Raises:
        UserError: a file of the pair is missing or damaged, or the features are of another encoder.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        try:
            listing = json.loads(path.with_suffix(".json").read_text())
            self.ids: list[str] = listing["ids"]
            computed_by: str = listing["key"]
            self._rows: np.ndarray[Any, np.dtype[np.float16]] = np.load(path, mmap_mode="r")
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise UserError(
                f"The feature cache {path} can't be read ({error}): delete it and compute it again."
            ) from None
        if computed_by != key:
            raise UserError(
                f"The feature cache {path} is of another encoder (key {computed_by[:12]}, expected "
                f"{key[:12]}): delete it and compute it again."
            )
        if len(self._rows) < len(self.ids):
            raise UserError(
                f"The feature cache {path} has {len(self._rows)} rows for {len(self.ids)} "
                "pictures: delete it and compute it again."
            )
        self._row = {id: row for row, id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: object) -> bool:
        return id in self._row

    @property
    def shape(self) -> tuple[int, int]:
        """(S, F): positions of the grid, row by row from the top left, and channels."""
        _, positions, channels = self._rows.shape
        return positions, channels

    def __getitem__(self, ids: Sequence[str]) -> Tensor:
        """Features of some pictures, in the order asked for. Shape: (B, S, F), float32.

        Raises:
            UserError: a picture isn't in the cache.
        """
        if unknown := [id for id in ids if id not in self._row]:
            raise UserError(
                f"The feature cache {self.path} lacks {len(unknown)} pictures, such as "
                f"{unknown[0]!r}: build it with the pictures of every split that is used."
            )
        return torch.from_numpy(self._rows[[self._row[id] for id in ids]].astype(np.float32))


def grid(backbone: Backbone, images: Tensor) -> Tensor:
    """Feature map as a sequence of positions, row by row from the top left.

    Shapes: images (B, 3, H, W) -> (B, S, F) with S = h * w.
    """
    features: Tensor = backbone(images.contiguous(memory_format=torch.channels_last))
    return features.flatten(2).transpose(1, 2)


def features_of(backbone: Backbone, images: Tensor) -> Tensor:
    """As ``grid``, of any number of pictures and without gradients. On a CPU a few go at a time, so
    that its caches hold what one layer hands to the next: in batches of 16, a third of the time
    less.
    """
    few = AT_ONCE if images.device.type == "cpu" else max(1, len(images))
    with torch.inference_mode():
        return torch.cat([grid(backbone, part) for part in images.split(few)])


def cache_key(backbone: Backbone, size: int) -> str:
    """SHA-256 over everything the features depend on: backbone, weights, size, transform."""
    transform = TRANSFORM.format(mean=backbone.mean, std=backbone.std)
    digest = hashlib.sha256(f"{backbone.name}\n{size}\n{transform}\n".encode())
    for name, tensor in backbone.state_dict().items():
        if not name.startswith("classifier."):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def build(root: Path, backbone: Backbone, size: int, pictures: Iterable[Picture]) -> FeatureCache:
    """The cache under `root` with all of `pictures` in it; those it lacks are computed.

    Every finished batch is kept, so an interrupted build goes on where it stopped, with the same
    batches and so the same numbers as a build that never stopped. A second build of the same cache
    waits for the first.

    Raises:
        UserError: a picture can't be read, or the cache there is damaged or of another encoder.
    """
    key = cache_key(backbone, size)
    path = Path(root) / f"{backbone.name}-{size}-{key[:12]}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with _sole_writer(path):
        _extend(path, key, backbone, size, pictures)
    return FeatureCache(path, key)


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    """Hold the lock of a cache; it goes with the process, however that ends."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _extend(
    path: Path, key: str, backbone: Backbone, size: int, pictures: Iterable[Picture]
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    ids = FeatureCache(path, key).ids if path.with_suffix(".json").exists() else []
    known = set(ids)
    missing = [picture for picture in pictures if picture.stamp not in known]
    backbone.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    columns = ("Picture features", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(ids) + len(missing), completed=len(ids))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            try:
                images = torch.stack([backbone.picture(each.open(), size) for each in batch])
            except UserError:
                check_readable(missing[start:])
                raise
            features = features_of(backbone, images)
            try:
                _write_rows(path, len(ids), features.half().numpy())
                ids += [each.stamp for each in batch]
                _write_json(path.with_suffix(".json"), {"key": key, "ids": ids})
            except OSError as error:
                raise UserError(f"Can't write the feature cache {path}: {error.strerror}") from None
            progress.update(task, completed=len(ids))


def check_readable(pictures: Iterable[Picture]) -> None:
    """Raises UserError where some can't be read, all of them in one, to be mended at once.

    >>> check_readable([])
    """
    problems = []
    for picture in pictures:
        try:
            picture.open()
        except UserError as error:
            problems.append(str(error))
    if len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError(
            f"{len(problems)} of the pictures can't be read: mend them, or take their captions out:"
            + "".join(f"\n  - {problem}" for problem in problems)
        )


def _write_rows(path: Path, start: int, rows: np.ndarray[Any, np.dtype[np.float16]]) -> None:
    """Put rows (b, S, F) at row `start`, the file's end, and then count them in its header.

    NumPy pads the header so that it keeps its length as the first axis grows.
    """
    with path.open("r+b" if start else "wb") as file:
        shape = (start + len(rows), *rows.shape[1:])
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(start * rows[0].nbytes, os.SEEK_CUR)
        file.write(rows.astype("<f2").tobytes())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, so that it's never half written."""
    beside = path.with_suffix(".json.part")
    beside.write_text(json.dumps(content))
    beside.replace(path)

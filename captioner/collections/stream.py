"""Captions of any number of pictures, one after the other."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from PIL import Image
from torch import Tensor

from attention_core.errors import UserError
from captioner.images import open_picture
from captioner.predictor import BATCH, Caption, Captioner

THUMBNAIL = (320, 320)
"""Pixels that a thumbnail has at most in each direction."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class Asked(NamedTuple):
    """What is asked of a captioner for each picture.

    >>> Asked("en")
    Asked(language='en', beam=None, nbest=1, thumbnails=False, fast=False)
    """

    language: str
    beam: int | None = None  # None is the model's own
    nbest: int = 1
    thumbnails: bool = False
    fast: bool = False  # with rounded weights, where a worker loads the model itself


class Result(NamedTuple):
    """A picture's caption, or the problem with it.

    >>> Result(Path("a.jpg"), problem="a.jpg doesn't exist.").caption
    """

    path: Path
    caption: Caption | None = None
    problem: str = ""
    thumbnail: bytes = b""  # WebP, where asked for


def caption_all(
    captioner: Captioner, paths: Iterable[Path | None], asked: Asked
) -> Iterator[Result]:
    """The result of each picture in order, in batches, the next one being read meanwhile.

    No more than two batches are held, each picture in the size that the model sees. None among the
    paths says that the next may keep one waiting: those before it are captioned first.

    Raises UserError for an unknown language; a picture that can't be read is a result.
    """
    captioner.tokenizer.begin(asked.language)
    read = partial(_read, captioner, thumbnails=asked.thumbnails)
    with ThreadPoolExecutor(1) as reader:
        for batch in _one_ahead(reader, lambda batch: list(map(read, batch)), _batches(paths)):
            yield from _captioned(captioner, batch, asked)


def _batches(paths: Iterable[Path | None]) -> Iterator[list[Path] | None]:
    """Batches of paths, cut before each None, which stays."""
    batch: list[Path] = []
    for path in paths:
        if path is not None:
            batch.append(path)
        if batch and (path is None or len(batch) == BATCH):
            yield batch
            batch = []
        if path is None:
            yield None
    if batch:
        yield batch


def _one_ahead(
    pool: Executor, make: Callable[[Item], Made], items: Iterable[Item | None]
) -> Iterator[Made]:
    """``map`` in a pool, with the next one in the making while one is used, but not past a None."""
    waiting: Future[Made] | None = None
    for item in items:
        coming = None if item is None else pool.submit(make, item)
        if waiting is not None:
            yield waiting.result()
        waiting = coming
    if waiting is not None:
        yield waiting.result()


def _read(captioner: Captioner, path: Path, *, thumbnails: bool) -> tuple[Result, Tensor | None]:
    try:
        image = open_picture(path)
    except UserError as error:
        return Result(path, problem=str(error)), None
    (source,) = captioner.tensors([image])
    return Result(path, thumbnail=_thumbnail(image) if thumbnails else b""), source


def _captioned(
    captioner: Captioner, batch: list[tuple[Result, Tensor | None]], asked: Asked
) -> Iterator[Result]:
    sources = [source for _, source in batch if source is not None]
    captions: Iterator[Caption] = iter(())
    if sources:
        captions = iter(
            captioner.caption_features(
                torch.stack(sources), language=asked.language, beam=asked.beam, nbest=asked.nbest
            )
        )
    for result, source in batch:
        yield result if source is None else result._replace(caption=next(captions))


def _thumbnail(image: Image.Image) -> bytes:
    image.thumbnail(THUMBNAIL)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=70)
    return file.getvalue()

"""What is asked of ``attention-core caption``, and whether it fits together."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import click

from attention_core.errors import UserError
from attention_core.tasks import check_drawing

STDIN = Path("-")
AT_ONCE = 2**16  # bytes that are read of a pipe that has as many


class Place(click.Path):
    """The name of a file or folder, which "" isn't, though ``Path`` takes it for this folder.

    >>> Place(path_type=Path).convert("a.jpg", None, None)
    PosixPath('a.jpg')
    """

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value == "":
            self.fail("a name is empty: is a variable of the shell not set?", param, ctx)
        return super().convert(value, param, ctx)


@dataclass(frozen=True)
class Request:
    """The command's arguments and options."""

    pictures: tuple[Path, ...]
    language: str | None = None
    beam: int | None = None
    nbest: int = 1
    as_json: bool = False
    recursive: bool = False
    out: Path | None = None
    sidecar: bool = False
    html: Path | None = None
    write_metadata: bool = False
    in_place: bool = False
    overwrite: bool = False
    ray: bool = False
    attention: Path | None = None
    overlays: Path | None = None
    checkpoint: str | None = None
    fast: bool = False

    @property
    def several(self) -> bool:
        """Whether there may be more pictures than one."""
        return len(self.pictures) > 1 or any(
            place == STDIN or os.path.isdir(place) for place in self.pictures
        )

    @property
    def kept(self) -> bool:
        """Whether captions go elsewhere than to standard output."""
        return bool(self.out or self.sidecar or self.html or self.write_metadata)

    def check(self) -> None:
        """Raises click.UsageError for options that don't go together, UserError for bad places."""
        writes = self.sidecar or self.write_metadata
        for wrong, problem in (
            (STDIN in self.pictures and sys.stdin is None, "there is no standard input to read"),
            (self.attention and self.several, "--attention draws one picture: name only that one"),
            (self.overlays and self.several, "--overlays draws one picture: name only that one"),
            (
                self.as_json and self.kept,
                "--json is for standard output; for a file: --out x.jsonl",
            ),
            (self.in_place and not self.write_metadata, "--in-place is for --write-metadata"),
            (self.overwrite and not writes, "--overwrite is for --sidecar and --write-metadata"),
            (self.out and not _ends(self.out, ".jsonl", ".csv"), "--out ends in .jsonl or .csv"),
            (
                self.nbest > 1 and self.kept and not (self.out and _ends(self.out, ".jsonl")),
                "--nbest is for standard output, or --out x.jsonl",
            ),
            (self.html and not _ends(self.html, ".html"), "--html ends in .html"),
        ):
            if wrong:
                raise click.UsageError(problem)
        for path in filter(None, (self.out, self.html)):
            if not os.path.isdir(path.parent):
                raise UserError(f"can't write {path}: there is no folder {path.parent}")
        if self.attention is not None:
            check_drawing(self.attention)
            there = filter(os.path.exists, self.pictures if self.attention.exists() else ())
            if any(map(self.attention.samefile, there)):
                raise UserError(f"{self.attention} is the picture itself: draw to another file")
        if self.overlays is not None:
            self.overlays.mkdir(parents=True, exist_ok=True)

    def places(self) -> Iterator[Path | None]:
        """The files and folders that are named, also those on standard input.

        None says that standard input has no more for now.
        """
        for place in self.pictures:
            if place != STDIN:
                yield place
                continue
            rest = b""
            pipe = cast(BufferedReader, sys.stdin.buffer)
            while chunk := pipe.read1(AT_ONCE):
                *lines, rest = (rest + chunk).removeprefix(codecs.BOM_UTF8).split(b"\n")
                yield from _paths(lines)
                yield None
            yield from _paths([rest])


def _paths(lines: Iterable[bytes]) -> Iterator[Path]:
    for line in lines:
        if name := os.fsdecode(line.rstrip(b"\r")):
            yield Path(name)


def _ends(path: Path, *suffixes: str) -> bool:
    return path.suffix.lower() in suffixes

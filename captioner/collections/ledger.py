"""Files of captions that grow by a line for each picture: JSON lines, CSV, a gallery.

Whatever ends the run, a line is there or it isn't: the next run cuts off one that was torn, and
goes on with the pictures that have none.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from attention_core.checkpoint import CONFIG, WEIGHTS, Checkpoint
from attention_core.errors import UserError
from captioner.collections.stream import Result

MARK = "\ufeff"  # by which spreadsheets know UTF-8


class Maker(NamedTuple):
    """What made a caption: one file has captions of one maker.

    >>> Maker("flickr8k@1a2b3c4d", "en", 5).language
    'en'
    """

    model: str  # the checkpoint's name, and a digest of what is in it
    language: str
    beam: int  # the width that was searched with

    @classmethod
    def of(cls, checkpoint: Checkpoint, language: str, beam: int, *, fast: bool) -> Maker:
        """The maker that captions in a language by a checkpoint, or by its rounded weights."""
        digest = hashlib.sha256()
        for name in (CONFIG, WEIGHTS, "tokenizer.model"):
            digest.update(checkpoint.file(name))
        name = f"{checkpoint.path.resolve().name}@{digest.hexdigest()[:8]}"
        return cls(f"{name}-fast" if fast else name, language, beam)


class Ledger(ABC):
    """A file of captions, opened to go on with.

    Pictures are named by their paths from the file's folder.

    Raises:
        UserError: the file has captions of another maker, or something else in it.
    """

    head: ClassVar[str] = ""  # the first line
    begins: ClassVar[str] = ""  # how the first one begins, where there is no head

    def __init__(self, path: Path, maker: Maker) -> None:
        self.path = path
        self.maker = maker
        self.done = self._mended() if os.path.exists(path) else set()
        self.file = path.open("a", encoding="utf-8", newline="")
        if self.head and not self.file.tell():
            self.file.write(f"{self.head}\n")

    @abstractmethod
    def line(self, image: str, result: Result) -> str:
        """The line of a picture, without its end."""

    @abstractmethod
    def parsed(self, line: str) -> tuple[str, Maker]:
        """The picture and the maker of a line; ValueError or LookupError where it has none."""

    def wants(self, path: Path) -> bool:
        """Whether the file has no caption of the picture yet."""
        return self.name(path) not in self.done

    def write(self, result: Result) -> None:
        """Adds the line of a picture that has a caption."""
        name = self.name(result.path)
        if "\n" in name:
            raise UserError(f"{name!r} has a line break in its name: rename it")
        self.file.write(f"{self.line(name, result)}\n")
        self.file.flush()
        self.done.add(name)

    def close(self) -> None:
        self.file.close()

    def name(self, path: Path) -> str:
        """The path of a picture from the file's folder, with "/" between folders."""
        try:
            path = Path(os.path.relpath(path, self.path.parent))
        except ValueError:  # on another drive of Windows
            path = path.absolute()
        return (
            path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        )

    def _mended(self) -> set[str]:
        """The pictures that the file has; what was torn of a last line is cut off."""
        done = set()
        whole = 0
        with self.path.open("rb+") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                is_head = number == 1 and bool(self.head)
                ended = line.endswith(b"\n")
                if not ended and self._is_torn(text, is_head):
                    file.truncate(whole)
                    break
                whole += len(line)
                if is_head:
                    if text.removeprefix(MARK) != self.head.removeprefix(MARK):
                        raise self._foreign(number)
                elif text:
                    done.add(self._checked(text, number))
                if not ended:  # as editors may leave it
                    file.seek(0, os.SEEK_END)
                    file.write(b"\n")
        return done

    def _is_torn(self, text: str, is_head: bool) -> bool:
        """Whether a line without its end is what this command has begun to write, and no more."""
        text = text.rstrip("\ufffd")  # a character that was torn
        if is_head:
            return text != self.head and self.head.startswith(text)
        return self.begun(text)

    @abstractmethod
    def begun(self, text: str) -> bool:
        """Whether a last line is the beginning of one of ours."""

    def _checked(self, line: str, number: int) -> str:
        try:
            image, maker = self.parsed(line)
        except (ValueError, LookupError, TypeError, csv.Error):
            raise self._foreign(number) from None
        if maker._replace(beam=self.maker.beam) != self.maker:
            raise UserError(
                f"{self.path} has captions in {maker.language!r} by {maker.model}, not in"
                f" {self.maker.language!r} by {self.maker.model}: choose another file, or delete it"
            )
        if maker != self.maker:
            raise UserError(
                f"{self.path} has captions by a beam of {maker.beam}, not of {self.maker.beam}:"
                f" search as before (--beam {maker.beam}, and --nbest no larger), choose another"
                " file, or delete it"
            )
        return image

    def _foreign(self, number: int) -> UserError:
        return UserError(
            f"{self.path}, line {number}: this is not what this command writes: choose another file"
        )


class JsonLines(Ledger):
    """A JSON object a line: the columns of ``Table`` and, if asked, alternatives."""

    begins: ClassVar[str] = '{"image": "'

    def line(self, image: str, result: Result) -> str:
        return json.dumps(_row(image, result, self.maker), ensure_ascii=False)

    def parsed(self, line: str) -> tuple[str, Maker]:
        row = json.loads(line)
        return row["image"], Maker(row["model"], row["language"], row["beam"])

    def begun(self, text: str) -> bool:
        try:
            json.loads(text)
        except ValueError:
            return text.startswith(self.begins) or self.begins.startswith(text)
        return False


class Table(Ledger):
    """CSV for spreadsheets; the confidence is empty where the model tells none."""

    columns: ClassVar = ("image", "caption", "score", "confidence", "language", "model", "beam")
    head = MARK + ",".join(columns)

    def line(self, image: str, result: Result) -> str:
        row = _row(image, result, self.maker)
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(row[column] for column in self.columns)
        return text.getvalue()

    def parsed(self, line: str) -> tuple[str, Maker]:
        ((image, _, _, _, language, model, beam),) = csv.reader([line])
        return image, Maker(model, language, int(beam))

    def begun(self, text: str) -> bool:
        try:
            (row,) = csv.reader([text])
        except csv.Error:  # a carriage return in it
            return False
        if len(row) < len(self.columns):
            return True
        told, ours = row[4:], [self.maker.language, self.maker.model, str(self.maker.beam)]
        return told[:2] == ours[:2] and told[2] != ours[2] and ours[2].startswith(told[2])


def _row(image: str, result: Result, maker: Maker) -> dict[str, Any]:
    best = result.caption
    assert best is not None
    row = {
        "image": image,
        "caption": best.text,
        "score": round(best.score, 4),
        "confidence": None if best.confidence is None else round(best.confidence, 4),
        "language": maker.language,
        "model": maker.model,
        "beam": maker.beam,
    }
    if best.alternatives:
        row["alternatives"] = [
            {"caption": found.text, "score": round(found.score, 4)} for found in best.alternatives
        ]
    return row

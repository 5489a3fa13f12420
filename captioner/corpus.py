"""Pictures and what is said of them, wherever they come from."""

import re
import tarfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePath

from PIL import Image

from attention_core.errors import UserError
from captioner.images import open_picture

SPLITS = ("train", "val", "test")

Captions = dict[str, list[str]]
"""Of each picture all captions, as written."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on disk: a file, or a stretch of an archive.

    Args:
        stamp: differs from that of every other picture, and of this one before a change.
        length: of the stretch, in bytes; None is the whole file.
    """

    path: Path
    stamp: str
    start: int = 0
    length: int | None = None

    @classmethod
    def file(cls, path: Path) -> "Picture":
        """The picture in a file of its own, told by its place, size and time of change."""
        status = path.stat()
        return cls(path, f"{path.resolve()} {status.st_size} {status.st_mtime_ns}")

    def open(self) -> Image.Image:
        """The picture, upright and in RGB.

        Raises:
            UserError: it can't be read, or is no picture.
        """
        if self.length is None:
            return open_picture(self.path)
        with self.path.open("rb") as archive:
            archive.seek(self.start)
            return open_picture(archive.read(self.length), name=f"{self.path}: {self.stamp}")


def archived(path: Path) -> list[Picture]:
    """The pictures in a tar archive, in its order; a picture's stamp is its file's stem.

    Raises:
        UserError: the archive is damaged.
    """
    try:
        with tarfile.open(path) as archive:
            return [
                Picture(path, PurePath(member.name).stem, member.offset_data, member.size)
                for member in archive
                if member.isfile()
            ]
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again.") from None


@dataclass(frozen=True)
class Corpus:
    """Pictures by id, and captions of them by split and language.

    A picture may be without captions in some language; ``pictures`` has those of the splits asked
    for, in the order in which they lie on disk.
    """

    name: str
    pictures: dict[str, Picture]
    captions: dict[tuple[str, str], Captions]

    def of(self, split: str, language: str) -> Captions:
        """The captions of the pictures of a split in a language.

        Raises:
            UserError: there are none.
        """
        found = self.captions.get((split, language), {})
        if not found:
            raise UserError(
                f"{self.name} has no picture for {split} with a caption in {language!r}: "
                "more pictures are needed, or another split of them."
            )
        return found


def normalise(text: str, language: str) -> str:
    """A caption as training text; references in evaluation stay as they were written.

    NFC, one space between words, none before punctuation or 's, no final period; English (which
    is written with and without capitals here) in lower case.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    text = re.sub(r"\s+([.,;:!?]|n't\b|'(?:s|m|d|ll|re|ve)\b)", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"[.。\s]+$", "", text)
    return text.lower() if language == "en" else text

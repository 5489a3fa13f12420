"""Captions in the pictures' own fields, for whatever program shows or searches them next.

The alt text of IPTC (2021), and the description in its three places, which the guidelines of the
Metadata Working Group (2010, §5.4) have programs keep alike.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attention_core.errors import UserError
from captioner.collections.files import write_whole
from captioner.collections.finding import COPY
from captioner.collections.stream import Result

try:
    import pyexiv2
except ModuleNotFoundError:
    raise UserError(
        "--write-metadata needs pyexiv2: pip install 'attention-core[metadata]'"
    ) from None

ALT_TEXT = "Xmp.iptc.AltTextAccessibility"  # Iptc4xmpCore:AltTextAccessibility
DESCRIPTION = "Xmp.dc.description"
WRITER = "Xmp.photoshop.CaptionWriter"
EXIF = "Exif.Image.ImageDescription"
IPTC = "Iptc.Application2.Caption"  # IIM 2:120
CHARSET = "Iptc.Envelope.CharacterSet"  # IIM 1:90
UTF8 = "\x1b%G"
US = "attention-core"
ANY = "latin-1"  # reads fields in whatever encoding: only whether they say something matters

pyexiv2.set_log_level(
    4
)  # what it can't do it raises; the rest is about fields that stay as they are


class Metadata:
    """Writes captions into copies, photo.captioned.jpg, or into the pictures themselves.

    A file is rewritten but for its pixels, which stay as they are, bit for bit. Alt text and
    description are filled where they are empty; what somebody wrote stays, unless ``overwrite``.
    The field for the description's writer then says attention-core.
    """

    def __init__(self, language: str, *, in_place: bool, overwrite: bool) -> None:
        self.language = language
        self.in_place = in_place
        self.overwrite = overwrite

    def wants(self, path: Path) -> bool:
        """Whether the picture has a field to fill, or no copy yet."""
        if self.overwrite or not os.path.isfile(path):  # which is told when it is read
            return True
        if not self.in_place:
            return COPY not in path.suffixes and not self._target(path).exists()
        try:
            with _opened(path) as image:
                return not all(_there(image))
        except (RuntimeError, ValueError):
            return True

    def write(self, result: Result) -> None:
        """Fills the fields of a picture.

        Raises UserError where its format can't carry them, or the file is damaged.
        """
        assert result.caption is not None
        path = result.path
        try:
            with pyexiv2.ImageData(path.read_bytes()) as image:
                alt_text, description = _there(image)
                if self.overwrite or not alt_text:
                    image.modify_xmp({ALT_TEXT: self._languages(result.caption.text)})
                if self.overwrite or not description:
                    self._describe(image, result.caption.text)
                content = image.get_bytes()
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{path} can't carry a caption: {error}") from None
        write_whole(self._target(path), content, like=path)

    def close(self) -> None:
        pass

    def _describe(self, image: Any, text: str) -> None:
        image.modify_xmp({DESCRIPTION: self._languages(text), WRITER: US})
        access = image.get_access_mode()
        if "write" in (access["exif"] or ""):
            image.modify_exif({EXIF: text})
        if "write" in (access["iptc"] or "") and _in_utf8(image.read_iptc(ANY)):
            image.modify_iptc({CHARSET: UTF8, IPTC: text})

    def _languages(self, text: str) -> dict[str, str]:
        """A text as XMP has it in several languages: the default first."""
        return {'lang="x-default"': text, f'lang="{self.language}"': text}

    def _target(self, path: Path) -> Path:
        return path if self.in_place else path.with_suffix(f"{COPY}{path.suffix}")


def _opened(path: Path) -> Any:
    """The fields of a file; by its content where the library couldn't take its name."""
    name = str(path)
    return pyexiv2.Image(name) if name.isascii() else pyexiv2.ImageData(path.read_bytes())


def _there(image: Any) -> tuple[bool, bool]:
    """Whether a picture has an alt text, and a description in any of its places."""
    xmp, exif, iptc = (read(ANY) for read in (image.read_xmp, image.read_exif, image.read_iptc))
    described = xmp.get(DESCRIPTION), exif.get(EXIF), iptc.get(IPTC)
    return _says(xmp.get(ALT_TEXT)), any(map(_says, described))


def _says(value: str | dict[str, str] | None) -> bool:
    texts = value.values() if isinstance(value, dict) else [value or ""]
    return any(text.strip() for text in texts)


def _in_utf8(iptc: dict[str, Any]) -> bool:
    """Whether its fields are in UTF-8, or could as well be; else the new one would garble them."""
    return iptc.get(CHARSET) == UTF8 or str(iptc).isascii()

"""Drawings of where the model looked, for the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from attention_core.errors import UserError
from attention_core.plots import save
from captioner.collections.stream import Result
from captioner.images import open_picture
from captioner.overlay import attention_overlays, attention_sheet

if TYPE_CHECKING:
    from PIL import Image

    from captioner.caption import Caption


class Drawings:
    """A sheet of all words, and a file for each of them, of one picture."""

    def __init__(self, sheet: Path | None, folder: Path | None) -> None:
        self.sheet = sheet
        self.folder = folder

    def wants(self, path: Path) -> bool:
        return self.sheet is not None or self.folder is not None

    def write(self, result: Result) -> None:
        """Draws; UserError where there is nothing to draw."""
        found = result.caption
        if found is None or not found.attention:
            raise UserError("there is no attention to draw: the model has none, or says nothing")
        image = open_picture(result.path)
        if self.sheet is not None:
            drawn = attention_sheet(image, found.text, found.tokens, found.attention, found.looked)
            save(drawn, self.sheet)
        if self.folder is not None:
            _write_overlays(image, found, self.folder, result.path)

    def close(self) -> None:
        pass


def _write_overlays(image: Image.Image, found: Caption, folder: Path, picture: Path) -> None:
    """A file for each word, 01-dog.png, less what can't stand in a name; UserError where that is
    the picture itself."""
    drawn = attention_overlays(image, found.tokens, found.attention)
    for number, (word, overlay) in enumerate(zip(found.tokens, drawn, strict=True), start=1):
        letters = re.sub(r"\W", "", word)[:40]
        place = folder / f"{number:02}-{letters}.png"
        if place.exists() and place.samefile(picture):
            raise UserError(f"{place} is the picture itself: choose another folder")
        overlay.save(place)

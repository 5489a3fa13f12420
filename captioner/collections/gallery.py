"""A page of pictures with their captions, to look through and to give away."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote

from captioner.collections.finding import THUMBNAILS
from captioner.collections.ledger import Ledger, Maker
from captioner.collections.stream import Result

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; }
ul { list-style: none; padding: 0; }
li { content-visibility: auto; contain-intrinsic-size: 15rem 16rem; display: inline-block;
     margin: 0 1rem 1.5rem 0; vertical-align: top; width: 15rem; }
a { color: inherit; display: block; text-decoration: none; }
a:hover span, a:focus span { text-decoration: underline; }
a:focus-visible { outline: 3px solid Highlight; outline-offset: -3px; }
img { aspect-ratio: 4 / 3; background: #8882; display: block; margin-bottom: .4rem;
      object-fit: contain; width: 100%; }
small { opacity: .75; overflow-wrap: anywhere; }
@media (max-width: 35rem) { body { margin: 1rem; } li { margin: 0 1% 1.5rem; width: 47%; } }
"""
MINIFIED = " ".join(STYLE.split())
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Captions</title>'
    '<meta name="viewport" content="width=device-width">'
    f"<style>{MINIFIED}</style></head>"
    '<body><main><h1>Captions</h1><ul role="list">'
)
"""The rest of a page, whose closing tags HTML lets one leave out."""

ENTRY = re.compile(r'<li data-model="([^"]*)" data-beam="(\d+)"><a href="([^"]*)" lang="([^"]*)">')


class Gallery(Ledger):
    """A page that needs nothing from elsewhere but the pictures, and a folder of thumbnails.

    Thumbnails are files, so that a browser loads those that come into view: as parts of the page
    they would make it 100 MB for 10,000 pictures. The caption is the text of the link around the
    thumbnail, which needs no alt text of its own then; the link leads to the picture. Entries stand
    in lines rather than in a grid, which a browser would lay out anew for each part that it reads.
    """

    head: ClassVar[str] = HEAD

    def __init__(self, path: Path, maker: Maker) -> None:
        super().__init__(path, maker)
        self.thumbnails = path.with_suffix(THUMBNAILS)
        self.thumbnails.mkdir(exist_ok=True)

    def write(self, result: Result) -> None:
        (self.thumbnails / _thumbnail(self.name(result.path))).write_bytes(result.thumbnail)
        super().write(result)

    def line(self, image: str, result: Result) -> str:
        best = result.caption
        assert best is not None
        model, language, text, name = map(
            html.escape, (self.maker.model, self.maker.language, best.text, image)
        )
        unsure = f"<b>not sure: {best.confidence:.0%}</b> " if best.doubtful else ""
        source = quote(f"{self.thumbnails.name}/{_thumbnail(image)}")
        return (
            f'<li data-model="{model}" data-beam="{self.maker.beam}">'
            f'<a href="{quote(image)}" lang="{language}">'
            f'<img src="{source}" alt="" loading="lazy"><span>{text}</span></a>'
            f"<small>{unsure}{name}</small></li>"
        )

    def parsed(self, line: str) -> tuple[str, Maker]:
        if not (found := ENTRY.match(line)):
            raise ValueError(line)
        model, beam, address, language = map(html.unescape, found.groups())
        return unquote(address), Maker(model, language, int(beam))

    def begun(self, text: str) -> bool:
        return not text.endswith("</li>")


def _thumbnail(image: str) -> str:
    return f"{hashlib.sha256(image.encode()).hexdigest()[:16]}.webp"

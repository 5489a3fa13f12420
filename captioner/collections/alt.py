"""Alt texts for the pictures of HTML pages, which otherwise stay as they are, byte for byte.

A page may be a template: what stands in {{ }}, {% %}, {# #}, <% %> or <? ?> is not looked at, and
pictures whose tag or address it fills are left alone.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<%.*?%>|<\?.*?\?>", re.DOTALL)
TEXT = {"iframe", "textarea", "title", "xmp"}  # what stands in them, as in scripts, isn't markup
HOLE = "\ue000"  # stands for each character of a template; the standard gives it no meaning
ALT = re.compile(r"(?:[\w-]*:)?alt|\[(?:attr\.)?alt\]")  # also as Vue and Angular fill it
VOID = re.compile("area|base|br|col|embed|hr|image|img|input|link|meta|source|track|wbr")
ENDS_P = re.compile(  # what ends a paragraph, whose end tag may be left out
    "address|article|aside|blockquote|center|d[dlt]|details|dialog|dir|div|fieldset|figcaption"
    "|figure|footer|form|h[1-6r]|header|hgroup|li|main|menu|nav|ol|p|pre|search|section|summary"
    "|table|ul|xmp"
)
ENDS = {  # and other elements of that kind
    "li": ["li"],
    "dt": ["dt", "dd"],
    "dd": ["dt", "dd"],
    "td": ["td", "th"],
    "th": ["td", "th"],
    "tr": ["tr"],
    "tbody": ["tr", "thead", "tbody"],
    "tfoot": ["tr", "thead", "tbody"],
}
# What is left out ends nothing beyond these.
FENCES = {"button", "dl", "menu", "object", "ol", "table", "template", "ul"}
DECLARED = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


class Gap(NamedTuple):
    """A picture of a page without an alt text.

    >>> find_gaps('<p><img src="a%20b.png?v=2">').gaps
    [Gap(start=3, line=1, source='a%20b.png?v=2', language=None, own=False)]
    """

    start: int  # of its tag, in characters
    line: int
    source: str  # the address, as the page gives it
    language: str | None  # the tag's own, or of the nearest element around it that has one
    own: bool  # whether the tag tells it


class Found(NamedTuple):
    """What a page has of pictures."""

    gaps: list[Gap]
    left: int  # pictures with an alt text, an empty one included, or that a template makes
    base: str  # where relative addresses start


def find_gaps(text: str) -> Found:
    """The pictures of a page without an alt text.

    An empty one (alt="") says that the picture is decoration, and so does role="presentation".

    >>> find_gaps('<img src=a.png alt=""><img src="{{ logo }}"><!-- <img src="b.png"> -->').left
    2
    """
    reader = _Reader()
    reader.feed(TEMPLATE.sub(lambda template: re.sub(r"[^\n]", HOLE, template[0]), text))
    reader.close()
    starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
    gaps = [
        Gap(starts[line - 1] + column, line, source, language, own)
        for (line, column), source, language, own in reader.gaps
    ]
    return Found(gaps, reader.left, reader.base or "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[tuple[tuple[int, int], str, str | None, bool]] = []
        self.left = 0
        self.open: list[tuple[str, str | None]] = []  # elements, each with the language in it
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in TEXT:
            self.set_cdata_mode(tag)
        name = tag.partition(HOLE)[0]
        for ended in [*(["p"] if ENDS_P.fullmatch(name) else []), *ENDS.get(name, [])]:
            self._end(ended, FENCES)
        told = dict(reversed(attrs))  # of an attribute that comes twice the first counts
        language = self._language(name, told)
        if not VOID.fullmatch(name):
            self.open.append((name, language))
        elif tag == "base" and self.base is None:
            self.base = told.get("href")
        elif name == "img":
            source = told.get("src") or ""
            templated = HOLE in tag + source + "".join(told)
            decoration = told.get("role") in ("presentation", "none")
            if templated or decoration or any(map(ALT.fullmatch, told)):
                self.left += 1
            else:
                self.gaps.append((self.getpos(), source, language, "lang" in told))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if any(name in ("svg", "math") for name, _ in self.open):  # a slash ends nothing elsewhere
            self.clear_cdata_mode()
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("html", "body"):  # what comes behind them is in them still
            self._end(tag.partition(HOLE)[0], {"table"})

    def _language(self, tag: str, told: Mapping[str, str | None]) -> str | None:
        around = self.open[-1][1] if self.open else None
        if "lang" not in told or (tag == "html" and around):  # of two such tags the first counts
            return around
        return told["lang"] or ""

    def _end(self, tag: str, fences: set[str]) -> None:
        """Ends the innermost element of that name and all in it, unless a fence is between."""
        for place, (name, _) in reversed([*enumerate(self.open)]):
            if name == tag:
                del self.open[place:]
            if name == tag or name in fences:
                return


def local_path(source: str, base: str, page: Path, root: Path) -> Path | None:
    """The file that an address leads to; None where that is no file here.

    Addresses with a leading "/" are below ``root``, others start at the page.

    >>> local_path("img/a%20b.png?v=2", "", Path("site/blog/x.html"), Path("site")).as_posix()
    'site/blog/img/a b.png'
    >>> local_path("/logo.png", "", Path("site/blog/x.html"), Path("site")).as_posix()
    'site/logo.png'
    >>> local_path("https://example.org/a.png", "", Path("x.html"), Path())
    """
    try:
        address, start = urlsplit(source.strip()), urlsplit(base)
    except ValueError:  # such as http://[
        return None
    path = address.path
    if any((address.scheme, address.netloc, start.scheme, start.netloc)) or not path:
        return None
    if not path.startswith("/"):
        path = start.path[: start.path.rfind("/") + 1] + path
    path = unquote(path, errors="surrogateescape").replace("\0", "")
    return root / path.lstrip("/") if path.startswith("/") else page.parent / path


class Page:
    """The text of a page, and the way back to its bytes.

    Its encoding is that of its byte order mark, the one it declares, or else UTF-8. Letters that
    can't be written in it become numeric references, and so do all where it isn't known.

    >>> page = Page('<meta charset="gbk"><p>狗<img src=a.png>'.encode("gbk"))
    >>> page.filled({24: ("狗, ł", None)}).decode("gbk")
    '<meta charset="gbk"><p>狗<img alt="狗, &#322;" src=a.png>'
    """

    def __init__(self, content: bytes) -> None:
        self.text, self.encoding = content.decode("latin-1"), "latin-1"
        self.letters = "ascii"
        for encoding in _encodings(content):
            try:
                text = content.decode(encoding)
                if text.encode(encoding) == content:
                    self.text, self.encoding, self.letters = text, encoding, encoding
                    break
            except (UnicodeError, LookupError):
                continue

    def filled(self, alts: Mapping[int, tuple[str, str | None]]) -> bytes:
        """The page with alt texts in its tags: by their starts a text and maybe its language.

        >>> Page(b"<IMG src=a.png>").filled({0: ('A "dog".', "en")})
        b'<IMG alt="A &quot;dog&quot;." lang="en" src=a.png>'
        """
        parts, last = [], 0
        for start, (alt, language) in sorted(alts.items()):
            behind_name = start + len("<img")
            quoted = html.escape(alt).encode(self.letters, "xmlcharrefreplace")
            told = f' lang="{html.escape(language)}"' if language else ""
            parts += [self.text[last:behind_name], f' alt="{quoted.decode(self.letters)}"{told}']
            last = behind_name
        return "".join([*parts, self.text[last:]]).encode(self.encoding)


def _encodings(content: bytes) -> list[str]:
    marks = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    if content[:2] in marks:
        return [marks[content[:2]]]
    declared = DECLARED.search(content[:1024])
    name = declared[1].decode() if declared else "utf-8"
    # What could be read before the encoding was known can't be in these.
    return ["utf-8"] if name.lower().startswith(("utf-16", "utf-32")) else [name, "utf-8"]

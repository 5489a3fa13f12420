"""HTML pages whose pictures get alt texts, and what is told of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from attention_core.errors import UserError
from captioner.collections.alt import Page, find_gaps, local_path
from captioner.collections.files import write_whole
from captioner.collections.finding import COPY, Report, files_below
from captioner.collections.finding import SUFFIXES as PICTURES
from captioner.collections.stream import Asked, Result, caption_all
from captioner.predictor import Captioner

SUFFIXES = {".html", ".htm"}


def find_pages(places: Iterable[Path], report: Report) -> Iterator[tuple[Path, Path]]:
    """The pages among files and below folders, each with the root of its site. ``report`` is told
    of folders that can't be read or have none, and of what is a picture."""
    for place in places:
        if os.path.isdir(place):
            none = True
            for page in files_below(place, SUFFIXES, recursive=True, report=report):
                yield page, place
                none = False
            if none:
                report(UserError(f"{place} has no pages, which end in .html or .htm"))
        elif place.suffix.lower() in PICTURES:
            report(UserError(f"{place} is a picture: name the page that shows it"))
        else:
            yield place, Path()


class Filler:
    """Fills pages, and captions each picture once for all of them.

    Without a language, each alt text is in that of what its picture stands in, where the captioner
    has that, else in the captioner's first.
    """

    def __init__(self, captioner: Captioner, language: str | None = None) -> None:
        self.captioner = captioner
        self.language = language
        self.known: dict[tuple[Path, str], Result] = {}

    def fill_file(
        self, page: Path, root: Path, *, in_place: bool, overwrite: bool = False
    ) -> dict[str, Any]:
        """Fills a page or a copy of it; what ``fill`` tells, and the file that was ``written``.

        Raises UserError where there is no such page, or a copy that says something else and is not
        to be overwritten.
        """
        try:
            content = page.read_bytes()
        except OSError as error:
            raise UserError(f"can't read {page} ({error.strerror})") from None
        filled, report = self.fill(content, page, root)
        if report["filled"]:
            target = page if in_place else page.with_suffix(f"{COPY}{page.suffix}")
            kept = not (in_place or overwrite) and target.exists()
            if kept and target.read_bytes() != filled:
                raise UserError(f"{target} is there already: --overwrite replaces it")
            write_whole(target, filled, like=page)
            report["written"] = click.format_filename(target)
        return report

    def fill(self, content: bytes, page: Path, root: Path) -> tuple[bytes, dict[str, Any]]:
        """The page with alt texts, and what became of its pictures without one."""
        document = Page(content)
        found = find_gaps(document.text)
        report: dict[str, Any] = {
            "page": click.format_filename(page),
            "written": None,
            "left": found.left,
            "filled": [],
            "doubtful": [],
            "elsewhere": [],
            "failed": [],
        }
        local = []
        for gap in found.gaps:
            path = local_path(gap.source, found.base, page, root)
            if path is None:
                report["elsewhere"].append({"line": gap.line, "src": gap.source})
            else:
                local.append((gap, path, self._language(gap.language)))
        self._caption((path, language) for _, path, language in local)
        alts = {}
        for gap, path, language in local:
            result = self.known[path, language]
            told: dict[str, Any] = {"line": gap.line, "src": gap.source}
            if result.caption is None:
                report["failed"].append({**told, "problem": result.problem})
                continue
            best = result.caption
            told |= {"alt": best.text, "lang": language}
            report["filled"].append(told)
            if best.doubtful:
                report["doubtful"].append({**told, "confidence": best.confidence})
            foreign = gap.language and not gap.own and _main(gap.language) != language
            alts[gap.start] = best.text, language if foreign else None
        return document.filled(alts), report

    def _language(self, declared: str | None) -> str:
        languages = self.captioner.languages
        own = _main(declared or "")
        return self.language or (own if own in languages else languages[0])

    def _caption(self, wanted: Iterable[tuple[Path, str]]) -> None:
        by_language: dict[str, dict[Path, None]] = {}
        for path, language in wanted:
            if (path, language) not in self.known:
                by_language.setdefault(language, {})[path] = None
        for language, paths in by_language.items():
            for result in caption_all(self.captioner, paths, Asked(language)):
                self.known[result.path, language] = result


def _main(tag: str) -> str:
    """The language of a language tag: zh of zh-Hans-CN."""
    return tag.partition("-")[0].lower()

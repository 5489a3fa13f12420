"""Where captions go: standard output, files of captions, a text beside each picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import click

from attention_core.errors import UserError
from captioner.caption import Caption
from captioner.collections.files import write_whole
from captioner.collections.stream import Result


class Output(Protocol):
    """A place for captions. A picture that none of the places wants isn't captioned."""

    def wants(self, path: Path) -> bool:
        """Whether it has no caption of the picture yet."""

    def write(self, result: Result) -> None:
        """Puts the caption of a picture there; UserError where that can't be."""

    def close(self) -> None:
        """Nothing more will come."""


class Printed:
    """Lines on standard output: a picture's path where there are several, and its caption."""

    def __init__(self, *, several: bool, nbest: int, as_json: bool) -> None:
        self.several = several
        self.nbest = nbest
        self.as_json = as_json

    def wants(self, path: Path) -> bool:
        return True

    def write(self, result: Result) -> None:
        best = result.caption
        assert best is not None
        path = click.format_filename(result.path)
        self._warn(path, best)
        if self.as_json:
            click.echo(json.dumps(self._entry(path, best), ensure_ascii=False))
            return
        prefix = f"{path}\t" if self.several else ""
        for found in (best, *best.alternatives):
            score = f"{found.score:.3f}\t" if self.nbest > 1 else ""
            click.echo(f"{prefix}{score}{found.text}")

    def close(self) -> None:
        pass

    def _entry(self, path: str, best: Caption) -> dict[str, object]:
        entry: dict[str, object] = {
            "path": path,
            "caption": best.text,
            "score": round(best.score, 4),
            "confidence": None if best.confidence is None else round(best.confidence, 4),
            "tokens": best.tokens,
            "attention": [
                [[round(weight, 4) for weight in row] for row in grid] for grid in best.attention
            ],
        }
        if best.looked is not None:
            entry["looked"] = [round(looked, 4) for looked in best.looked]
        if self.nbest > 1:
            entry["alternatives"] = [
                {"caption": found.text, "score": round(found.score, 4)}
                for found in best.alternatives
            ]
        return entry

    def _warn(self, path: str, best: Caption) -> None:
        if best.doubtful:
            where = f"{path}: " if self.several else ""
            click.echo(
                f"warning: {where}not sure of this caption (confidence {best.confidence:.0%})",
                err=True,
            )


class Sidecar:
    """photo.txt beside photo.jpg, in UTF-8; one that is there stays, unless ``overwrite``."""

    def __init__(self, *, overwrite: bool) -> None:
        self.overwrite = overwrite
        self.claimed: dict[Path, str] = {}  # the texts of this run, by the picture they are beside

    def wants(self, path: Path) -> bool:
        text = path.with_suffix(".txt")
        alone = self.claimed.setdefault(text, path.name) == path.name
        return self.overwrite or text == path or not alone or not text.exists()

    def write(self, result: Result) -> None:
        assert result.caption is not None
        text = result.path.with_suffix(".txt")
        if text == result.path:
            raise UserError(f"{text}: the text beside it would take its place: rename the picture")
        if (other := self.claimed.setdefault(text, result.path.name)) != result.path.name:
            raise UserError(
                f"{result.path}: {text.name} beside it is for the caption of {other}: rename one"
            )
        write_whole(text, f"{result.caption.text}\n".encode(), like=result.path)

    def close(self) -> None:
        pass

"""A run over a collection: what is wanted, what went wrong, how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
)
from rich.text import Text

from attention_core import checkpoint
from attention_core.errors import UserError
from attention_core.tasks import find_checkpoint
from captioner.collections.finding import Report, find_pictures
from captioner.collections.gallery import Gallery
from captioner.collections.ledger import JsonLines, Maker, Table
from captioner.collections.outputs import Output, Printed, Sidecar
from captioner.collections.request import STDIN, Request
from captioner.collections.stream import Asked, Result, caption_all
from captioner.predictor import Captioner, shipped


def run(request: Request) -> int:
    """Captions what is asked for, and tells the exit status.

    Raises UserError for an unknown language or model, or a file of other captions.
    """
    model = find_checkpoint("caption" if request.checkpoint is None else request.checkpoint)
    if request.checkpoint is not None or request.fast:
        captioner = Captioner.load(model).prepared(fast=request.fast)
    else:
        captioner = shipped()
    language = request.language or captioner.languages[0]
    captioner.tokenizer.begin(language)  # an unknown language is told before anything is read
    thumbnails = request.html is not None
    asked = Asked(language, request.beam, request.nbest, thumbnails, fast=request.fast)
    with ExitStack() as stack:
        outputs = []
        width = max(request.beam or captioner.search.beam, request.nbest)
        for output in _outputs(request, model, language, width):
            stack.callback(output.close)
            outputs.append(output)
        job = Job(outputs, total=_total(request), quiet=not request.kept)
        paths = job.wanted(_found(request, job.report))
        try:
            job.run(_captioned(captioner, model, paths, asked, request.ray))
        except KeyboardInterrupt:
            if not request.kept:
                raise
            click.echo(f"Stopped: {job.summary()}. The same command goes on.", err=True)
            return 130
    if request.kept:
        click.echo(job.summary(), err=True)
    return 1 if job.failed else 0


def _found(request: Request, report: Report) -> Iterator[Path | None]:
    for place in request.places():
        if place is None:
            yield None
        else:
            yield from find_pictures([place], recursive=request.recursive, report=report)


def _captioned(
    captioner: Captioner, model: Path, paths: Iterable[Path | None], asked: Asked, ray: bool
) -> Iterator[Result]:
    if not ray:
        return caption_all(captioner, paths, asked)
    from captioner.collections.cluster import caption_on_cluster

    return caption_on_cluster(model, paths, asked)


def _outputs(request: Request, model: Path, language: str, width: int) -> Iterator[Output]:
    if request.out or request.html:
        maker = Maker.of(checkpoint.read(model), language, width, fast=request.fast)
        if request.out:
            form = Table if request.out.suffix.lower() == ".csv" else JsonLines
            yield form(request.out, maker)
        if request.html:
            yield Gallery(request.html, maker)
    if request.sidecar:
        yield Sidecar(overwrite=request.overwrite)
    if request.write_metadata:
        from captioner.collections.metadata import Metadata

        yield Metadata(language, in_place=request.in_place, overwrite=request.overwrite)
    if not request.kept:
        yield Printed(several=request.several, nbest=request.nbest, as_json=request.as_json)
    if request.attention or request.overlays:
        from captioner.drawings import Drawings

        yield Drawings(request.attention, request.overlays)


def _total(request: Request) -> int | None:
    """How many pictures there are, where that can be told beforehand."""
    if STDIN in request.pictures or not request.kept:
        return None
    return sum(1 for _ in find_pictures(request.pictures, recursive=request.recursive))


class Job:
    """Gives each picture's caption to the outputs that want it, and counts.

    Problems are lines on stderr, and the other pictures are served.
    """

    def __init__(self, outputs: Sequence[Output], *, total: int | None, quiet: bool) -> None:
        self.outputs = outputs
        self.captioned = self.doubtful = self.there = self.failed = 0
        console = Console(stderr=True)
        self.progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self.bar = self.progress.add_task("", total=total)

    def run(self, results: Iterable[Result]) -> None:
        """Puts each result where it belongs."""
        with self.progress:
            for result in results:
                if result.problem:
                    self.report(UserError(result.problem))
                else:
                    self._write(result)
                self.progress.advance(self.bar)

    def wanted(self, paths: Iterable[Path | None]) -> Iterator[Path | None]:
        """The pictures that some output has no caption of yet; None stays."""
        for path in paths:
            if path is None:
                yield None
                continue
            try:
                wanted = any(output.wants(path) for output in self.outputs)
            except OSError as error:  # a name that is too long with another suffix …
                self.report(_told(path, error))
                self.progress.advance(self.bar)
                continue
            if wanted:
                yield path
            else:
                self.there += 1
                self.progress.advance(self.bar)

    def report(self, error: UserError) -> None:
        """Tells a problem, and counts it."""
        self.failed += 1
        print(f"error: {error}", file=sys.stderr)  # above the bar, where there is one

    def summary(self) -> str:
        """What was done, in one line."""
        doubtful = f" ({self.doubtful} of them not sure)" if self.doubtful else ""
        done = f"{self.captioned} captioned{doubtful}"
        there = f", {self.there} already had captions" if self.there else ""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{done}{there}{failed}"

    def _write(self, result: Result) -> None:
        problems = []
        for output in self.outputs:
            try:
                if output.wants(result.path):
                    output.write(result)
            except UserError as error:
                problems.append(str(error))
            except OSError as error:
                problems.append(str(_told(result.path, error)))
        if problems:
            self.report(UserError("; ".join(problems)))
        else:
            self.captioned += 1
            self.doubtful += result.caption is not None and result.caption.doubtful


def _told(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: its caption can't be written ({error.strerror})")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")

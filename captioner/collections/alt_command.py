"""The command ``attention-core alt``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from attention_core.errors import UserError
from captioner.collections.request import Place

STDIN = Path("-")
PROBLEMS = ("doubtful", "elsewhere", "failed")


@click.command()
@click.argument("pages", nargs=-1, required=True, type=Place(path_type=Path))
@click.option("--lang", "language", help="The alt texts' language  [default: by the nearest lang=]")
@click.option("--in-place", is_flag=True, help="Change the pages themselves.")
@click.option(
    "--overwrite", is_flag=True, help="Replace copies that are there, and what you wrote."
)
@click.option("--json", "as_json", is_flag=True, help="Report on standard output, as JSON lines.")
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
def alt(
    pages: tuple[Path, ...],
    language: str | None,
    in_place: bool,
    overwrite: bool,
    as_json: bool,
    checkpoint: str | None,
) -> None:
    """Fill the missing alt texts in HTML PAGES: files, folders, or - for standard input.

    A page gets a copy, page.captioned.html, or with --in-place it is changed itself. All else in it
    stays as it was, byte for byte. A copy that is there and says something else is kept, unless
    --overwrite. A page from standard input goes to standard output.

    \b
    Examples:
      attention-core alt page.html
      attention-core alt site --in-place
      attention-core alt site --json | jq '.filled[].alt'
      attention-core alt - < page.html > better.html

    Pictures with an alt text are left alone, also with an empty one, which says that a picture is
    decoration, and so are those that a template makes. Pictures that aren't files here, such as
    those at http addresses, are reported. Of a folder all pages below it are taken, and addresses
    that begin with "/" are looked for in it; of a file, in the working folder.

    An alt text is in the language of what its picture stands in, by the nearest lang=, where the
    model has that; else it is in the model's first, and marked with lang=.

    Alt texts that a calibrated model isn't sure of are listed, to be looked over.

    The exit status is 1 where a page or a picture could not be read, and the others are served.
    """
    if overwrite and in_place:
        raise click.UsageError("--overwrite is for copies, which --in-place makes none of")
    if STDIN in pages and (as_json or in_place or len(pages) > 1 or sys.stdin is None):
        raise click.UsageError("- stands alone: a page from standard input to standard output")
    from attention_core.tasks import find_checkpoint
    from captioner.collections.alt_pages import Filler, find_pages
    from captioner.predictor import Captioner, shipped

    captioner = shipped() if checkpoint is None else Captioner.load(find_checkpoint(checkpoint))
    if language:
        captioner.tokenizer.begin(language)  # an unknown one is told before anything is read
    filler = Filler(captioner, language)
    if pages == (STDIN,):
        filled, report = filler.fill(sys.stdin.buffer.read(), STDIN, Path())
        click.echo(filled, nl=False)
        _tell(report)
        sys.exit(1 if report["failed"] else 0)
    failed = False

    def problem(error: UserError) -> None:
        nonlocal failed
        click.echo(f"error: {error}", err=True)
        failed = True

    for page, root in find_pages(pages, problem):
        try:
            report = filler.fill_file(page, root, in_place=in_place, overwrite=overwrite)
        except UserError as error:
            problem(error)
            continue
        except OSError as error:
            problem(UserError(f"{page}: its alt texts can't be written ({error.strerror})"))
            continue
        failed = failed or bool(report["failed"])
        if as_json:
            click.echo(click.format_filename(json.dumps(report, ensure_ascii=False)))
        else:
            _tell(report)
    sys.exit(1 if failed else 0)


def _tell(report: dict[str, Any]) -> None:
    page = report["page"]
    for each in report["elsewhere"]:
        address = each["src"][:80] or "no address"  # it may be a whole picture, as data:
        click.echo(f"{page}:{each['line']}: no file here: {address}", err=True)
    for each in report["doubtful"]:
        sure = f"{each['confidence']:.0%}"
        click.echo(f"{page}:{each['line']}: not sure ({sure}): {each['alt']}", err=True)
    for each in report["failed"]:
        where = f"{page}:{each['line']}"
        click.echo(f"error: {where}: {click.format_filename(each['problem'])}", err=True)
    counts = [f"{len(report['filled'])} filled", f"{report['left']} left as they were"]
    counts += [f"{len(report[name])} {name}" for name in PROBLEMS if report[name]]
    written = f" -> {report['written']}" if report["written"] else ""
    click.echo(f"{page}: {', '.join(counts)}{written}", err=True)

"""The command ``attention-core caption``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attention_core.errors import UserError
from attention_core.tasks import check_drawing, find_checkpoint

if TYPE_CHECKING:
    from PIL import Image

    from captioner.predictor import Caption


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--lang", "language", help="The caption's language  [default: the model's first]")
@click.option("--beam", type=click.IntRange(1, 100), help="Beam width  [default: the model's]")
@click.option(
    "--nbest",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How many captions, each after its score.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, with the attention.")
@click.option(
    "--attention",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw where the model looked for each word of one picture (.png, .svg, .pdf).",
)
@click.option(
    "--overlays",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the picture once for each word, lit where the model looked (PNG).",
)
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
def caption(
    pictures: tuple[Path, ...],
    language: str | None,
    beam: int | None,
    nbest: int,
    as_json: bool,
    attention: Path | None,
    overlays: Path | None,
    checkpoint: str | None,
) -> None:
    """Caption PICTURES, a line for each; the path comes first where there are several.

    \b
      attention-core caption photo.jpg
      attention-core caption *.jpg --json
      attention-core caption photo.jpg --attention where.png
      attention-core caption photo.jpg --overlays where/
    """
    for option, asked in (("--attention", attention), ("--overlays", overlays)):
        if asked is not None and len(pictures) > 1:
            raise click.UsageError(f"{option} draws one picture: name only that one")
    if attention is not None:
        check_drawing(attention)
    if overlays is not None:
        overlays.mkdir(parents=True, exist_ok=True)
    from captioner.images import open_picture
    from captioner.predictor import Captioner, shipped

    captioner = Captioner.load(find_checkpoint(checkpoint)) if checkpoint else shipped()
    language = language or captioner.languages[0]
    captioner.tokenizer.begin(language)  # an unknown language is told before anything is read
    failed = False
    for path in pictures:
        try:
            image = open_picture(path)
            (found,) = captioner.caption([image], language=language, beam=beam, nbest=nbest)
            _print(click.format_filename(path), found, len(pictures) > 1, nbest, as_json)
            if attention is not None:
                _draw(image, _looked(found), attention)
            if overlays is not None:
                _write_overlays(image, _looked(found), overlays)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            failed = True
    sys.exit(1 if failed else 0)


def _print(path: str, best: Caption, several: bool, nbest: int, as_json: bool) -> None:
    ranked = [best, *best.alternatives]
    if not as_json:
        prefix = f"{path}\t" if several else ""
        for found in ranked:
            score = f"{found.score:.3f}\t" if nbest > 1 else ""
            click.echo(f"{prefix}{score}{found.text}")
        return
    entry = {
        "path": path,
        "caption": best.text,
        "score": round(best.score, 4),
        "tokens": best.tokens,
        "attention": [
            [[round(weight, 4) for weight in row] for row in grid] for grid in best.attention
        ],
    }
    if best.looked is not None:
        entry["looked"] = [round(looked, 4) for looked in best.looked]
    if nbest > 1:
        entry["alternatives"] = [
            {"caption": found.text, "score": round(found.score, 4)} for found in ranked[1:]
        ]
    click.echo(json.dumps(entry, ensure_ascii=False))


def _looked(found: Caption) -> Caption:
    if not found.attention:
        raise UserError("there is no attention to draw: the model has none, or says nothing")
    return found


def _draw(image: Image.Image, found: Caption, path: Path) -> None:
    from attention_core.plots import save
    from captioner.overlay import attention_sheet

    sheet = attention_sheet(image, found.text, found.tokens, found.attention, found.looked)
    save(sheet, path)


def _write_overlays(image: Image.Image, found: Caption, folder: Path) -> None:
    """A file for each word, 01-dog.png, less what can't stand in a name."""
    from captioner.overlay import attention_overlays

    drawn = attention_overlays(image, found.tokens, found.attention)
    for number, (word, overlay) in enumerate(zip(found.tokens, drawn, strict=True), start=1):
        letters = re.sub(r"\W", "", word)[:40]
        overlay.save(folder / f"{number:02}-{letters}.png")

"""The command ``attention-core caption``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from captioner.collections.request import Place, Request


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=Place(path_type=Path))
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
@click.option("-r", "--recursive", is_flag=True, help="Also look in the folders of folders.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write captions to a file (.jsonl or .csv), and skip the pictures that it has.",
)
@click.option("--sidecar", is_flag=True, help="Write photo.txt beside each photo.jpg.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a gallery, a page of thumbnails with their captions.",
)
@click.option(
    "--write-metadata",
    is_flag=True,
    help="Fill the alt text and description in copies, photo.captioned.jpg.",
)
@click.option("--in-place", is_flag=True, help="With --write-metadata: in the pictures themselves.")
@click.option(
    "--overwrite", is_flag=True, help="Replace what --sidecar and --write-metadata find written."
)
@click.option("--ray", is_flag=True, help="Caption on a Ray cluster, by all its processors.")
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
@click.option(
    "--fast",
    is_flag=True,
    help="Round weights to 8 and 16 bits, where sooner: nearly as good.",
)
def caption(**options: Any) -> None:
    """Caption PICTURES: files, folders, or - for names on standard input, one a line.

    Captions are printed, a line for each picture; its path comes first where there are several.
    With --out, --sidecar, --html or --write-metadata they go there instead, with progress on
    stderr. Run again after an interruption, the same command goes on with the pictures that have
    no caption there yet.

    \b
    Examples:
      attention-core caption photo.jpg
      attention-core caption photo.jpg --attention where.png --overlays where/
      attention-core caption *.jpg --json | jq -r .caption
      attention-core caption holiday --recursive --out captions.jsonl
      attention-core caption holiday -r --out captions.csv --html gallery.html
      attention-core caption holiday -r --write-metadata --in-place
      find . -newer last | attention-core caption - --sidecar
      attention-core caption archive -r --out captions.jsonl --ray

    Of a folder those pictures are taken whose names end in .jpg, .jpeg, .png, .webp, .gif, .bmp,
    .tif or .tiff; hidden files and folders, links to folders and copies that this command made are
    left out.

    A model that was calibrated warns of captions that it isn't sure of.

    --out has the columns image, caption, score, confidence, language, model and beam, --html a
    folder of thumbnails beside it; in both, the pictures are named by their paths from the file's
    own folder. Neither mixes captions of two models, languages or widths of the search.

    --write-metadata fills what is empty of the alt text (XMP) and the description (XMP, EXIF, IPTC)
    of JPEG, PNG, WebP and TIFF pictures, whose pixels stay as they are. Captions that somebody
    wrote stay too, unless --overwrite is given.

    The exit status is 1 where a picture could not be read or written, and the others are served.
    """
    request = Request(**options)
    request.check()
    from captioner.collections.job import run

    sys.exit(run(request))

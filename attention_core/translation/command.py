"""The command ``attention-core translate``."""

from __future__ import annotations

import json
import os
import shlex
import sys
import warnings
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attention_core.errors import UserError
from attention_core.tasks import check_drawing, find_checkpoint

if TYPE_CHECKING:
    from attention_core.translation.predictor import Translation, Translator

BATCH = 64  # lines of standard input at a time
BUFFER = 65536  # bytes of it


@click.command()
@click.argument("text", required=False)
@click.option("--to", "language", required=True, metavar="LANGUAGE", help="zh, fr, de, cs or en.")
@click.option("--beam", type=click.IntRange(1, 100), help="Beam width  [default: the model's]")
@click.option(
    "--nbest",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="How many translations, each after its score.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, with the alignment.")
@click.option(
    "--alignment",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw which words each word was read from (.png, .svg, .pdf; .html to point at).",
)
@click.option("--arcs", is_flag=True, help="Draw it as arcs instead of a heat map.")
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
@click.option(
    "--fast", is_flag=True, help="With weights of 8 bits, if the processor can: nearly as good."
)
def translate(
    text: str | None,
    language: str,
    beam: int | None,
    nbest: int,
    as_json: bool,
    alignment: Path | None,
    arcs: bool,
    checkpoint: str | None,
    fast: bool,
) -> None:
    """Translate TEXT, or each line of standard input (-): English, or into English by --to en.

    \b
    Examples:
      attention-core translate "A dog runs on the beach." --to de
      attention-core translate "Hello." --to zh --json --alignment hello.png
      attention-core translate "Hello." --to fr --alignment hello.svg --arcs
      attention-core translate "猫在睡觉。" --to en
      attention-core translate --to fr < english.txt > french.txt
    """
    if text in (None, "-") and (sys.stdin is None or (text is None and sys.stdin.isatty())):
        raise click.UsageError("give a TEXT in quotes, or lines on standard input")
    text = None if text == "-" else text
    if alignment is not None:
        if text is None:
            raise click.UsageError("--alignment draws one TEXT, not standard input")
        check_drawing(alignment, ".html")
    elif arcs:
        raise click.UsageError("--arcs is a way to draw: give the FILE by --alignment")
    from attention_core.translation.predictor import Translator, shipped

    if checkpoint is not None:
        translator = Translator.load(find_checkpoint(checkpoint)).prepared(fast=fast)
    else:
        translator = shipped(language, fast=fast)
    translator.tokenizer.begin(language)  # an unknown language is told before anything is read
    if text is None:
        sys.exit(0 if _serve_lines(translator, language, beam, nbest, as_json) else 1)
    if os.path.isfile(text):
        lines = f"attention-core translate --to {language} < {shlex.quote(text)}"
        click.echo(f"warning: that is the name of a file; to translate it: {lines}", err=True)
    (found,) = translator.translate([text], to=language, beam=beam, nbest=nbest)
    _print(found, language, nbest, as_json)
    _warn(found)
    if alignment is not None:
        _draw(found, alignment, arcs)


def _serve_lines(
    translator: Translator, language: str, beam: int | None, nbest: int, as_json: bool
) -> bool:
    """Translates standard input line by line, what is there at once together; whether every line
    could be. An empty line stays one.
    """
    number, failed = 0, False
    for chunk in _at_once(sys.stdin.buffer):
        if number == 0 and chunk[0][1].startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise UserError("standard input is UTF-16 text: save it as UTF-8")
        texts = {}
        for number, line in chunk:
            text = line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
            text = text.replace("\r", " ")  # a line in, a line out
            if not text.strip():
                continue
            try:
                translator.encode(text)
            except UserError as error:
                click.echo(f"error: line {number}: {error}", err=True)
                failed = True
            else:
                texts[number] = text
        found = translator.translate(list(texts.values()), to=language, beam=beam, nbest=nbest)
        translations = dict(zip(texts, found, strict=True))
        for number, _ in chunk:
            if number in translations:
                _print(translations[number], language, nbest, as_json)
                _warn(translations[number], f"line {number}: ")
            elif not as_json:
                click.echo()  # line n of the output stays that of line n of the input
        sys.stdout.flush()
    if number == 0:
        raise UserError("standard input is empty: give a TEXT in quotes, or lines")
    return not failed


def _at_once(stream: Any) -> Iterator[list[tuple[int, bytes]]]:
    """The lines with their numbers, in groups of those that are there: who writes line by line
    gets the translation of each before the next.
    """
    begun, number = b"", 0
    while data := stream.read1(BUFFER):
        *lines, begun = (begun + data).split(b"\n")
        numbered = enumerate(lines, start=number + 1)
        number += len(lines)
        while chunk := list(islice(numbered, BATCH)):
            yield chunk
    if begun:
        yield [(number + 1, begun)]


def _print(best: Translation, language: str, nbest: int, as_json: bool) -> None:
    ranked = [best, *best.alternatives]
    if not as_json:
        for found in ranked:
            click.echo(f"{found.score:.3f}\t{found.text}" if nbest > 1 else found.text)
        return
    entry = {
        "source": best.source,
        "language": language,
        "translation": best.text,
        "score": round(best.score, 4),
        "confidence": None if best.confidence is None else round(best.confidence, 4),
        "source_tokens": best.source_tokens,
        "tokens": best.tokens,
        "alignment": [[round(weight, 4) for weight in row] for row in best.alignment],
    }
    if nbest > 1:
        entry["alternatives"] = [
            {"translation": found.text, "score": round(found.score, 4)} for found in ranked[1:]
        ]
    click.echo(json.dumps(entry, ensure_ascii=False))


def _warn(found: Translation, where: str = "") -> None:
    if found.doubtful:
        click.echo(
            f"warning: {where}the model is out of its depth (confidence {found.confidence:.0%})",
            err=True,
        )


def _draw(translation: Translation, path: Path, arcs: bool) -> None:
    from attention_core.plots import alignment_arcs, alignment_heatmap, alignment_html, save

    if not translation.alignment:
        raise UserError("there is no attention to draw: the model has none, or says nothing")
    page = path.suffix.lower() == ".html"
    draw = alignment_html if page else alignment_arcs if arcs else alignment_heatmap
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        save(draw(translation.source_tokens, translation.tokens, translation.alignment), path)
    for problem in dict.fromkeys(str(warning.message) for warning in told):
        click.echo(f"warning: {problem}", err=True)

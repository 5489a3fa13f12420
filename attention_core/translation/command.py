"""The command ``attention-core translate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attention_core.errors import UserError

if TYPE_CHECKING:
    from attention_core.translation.predictor import Translation, Translator

BATCH = 64  # lines of standard input at a time


@click.command()
@click.argument("text", required=False)
@click.option("--to", "language", required=True, metavar="LANGUAGE", help="zh, fr, de or cs.")
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
    metavar="PNG",
    help="Draw which words each word was read from (.png, .svg, .pdf).",
)
@click.option("--checkpoint", help="A model of one's own  [default: the one that ships]")
def translate(
    text: str | None,
    language: str,
    beam: int | None,
    nbest: int,
    as_json: bool,
    alignment: Path | None,
    checkpoint: str | None,
) -> None:
    """Translate English TEXT, or each line of standard input.

    \b
      attention-core translate "A dog runs on the beach." --to de
      attention-core translate "Hello." --to zh --json --alignment hello.png
      attention-core translate --to fr < english.txt > french.txt
    """
    if text is None and sys.stdin.isatty():
        raise click.UsageError("give a TEXT in quotes, or lines on standard input")
    if text is None and alignment is not None:
        raise click.UsageError("--alignment draws one TEXT, not standard input")
    from attention_core.tasks import find_checkpoint
    from attention_core.translation.predictor import Translator, shipped

    translator = Translator.load(find_checkpoint(checkpoint)) if checkpoint else shipped()
    translator.tokenizer.begin(language)  # an unknown language is told before anything is read
    failed = False
    lines = _lines() if text is None else iter([text])
    while chunk := tuple(islice(lines, BATCH)):
        for result in _each(translator, chunk, language, beam, nbest):
            if isinstance(result, UserError):
                click.echo(f"error: {result}", err=True)
                failed = True
                if text is None and not as_json:
                    click.echo()  # line n of the output stays that of line n of the input
                continue
            _print(result, language, nbest, as_json)
            if alignment is not None:
                _draw(result, alignment)
    sys.exit(1 if failed else 0)


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace").rstrip("\r\n")


def _each(
    translator: Translator, texts: tuple[str, ...], to: str, beam: int | None, nbest: int
) -> list[Translation | UserError]:
    """All at once; where a text is refused, one by one, so that it is the only one to fail."""
    try:
        return list(translator.translate(texts, to=to, beam=beam, nbest=nbest))
    except UserError as error:
        if len(texts) == 1:
            return [error]
        return [result for text in texts for result in _each(translator, (text,), to, beam, nbest)]


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
        "source_tokens": best.source_tokens,
        "tokens": best.tokens,
        "alignment": [[round(weight, 4) for weight in row] for row in best.alignment],
    }
    if nbest > 1:
        entry["alternatives"] = [
            {"translation": found.text, "score": round(found.score, 4)} for found in ranked[1:]
        ]
    click.echo(json.dumps(entry, ensure_ascii=False))


def _draw(translation: Translation, path: Path) -> None:
    from attention_core.plots import alignment_heatmap, save

    save(
        alignment_heatmap(translation.source_tokens, translation.tokens, translation.alignment),
        path,
    )

"""Scores the models that ship: run it as scripts/results.

Writes docs/results.md, and what the translator makes of twenty everyday sentences into its card.
"""

import platform
from pathlib import Path
from typing import Any

import click
import torch

from attention_core.checkpoint import read
from attention_core.errors import UserError
from attention_core.tasks import load_task
from attention_core.translation import TASK as TRANSLATE
from attention_core.translation.predictor import Translator
from captioner import TASK as CAPTION

DATA = Path("data")
PAGE = Path("docs/results.md")
SENTENCES = Path("attention_core/translation/recipes/everyday-sentences.txt")
TWENTY = "## Twenty everyday sentences"
MODELS = (
    ("Caption", "caption", CAPTION.shipped),
    ("Translate", "translate", TRANSLATE.shipped),
    ("Translate into English", "translate", TRANSLATE.into_english),
)

INTRO = f"""# Results

What the models that ship score on test data that they were not trained on and not chosen by.
Written by `scripts/results`, which runs `attention-core evaluate caption` and
`attention-core evaluate translate`, with torch {torch.__version__} on {platform.machine()}.

- **Captions**: COCO caption metrics by pycocoevalcap (PTB tokenizer), in points of 100.
- **Translations**: cased, detokenized sacreBLEU with its 95 % bootstrap interval, and chrF2; a
  Tatoeba sentence counts once, with all of its translations as references. Tatoeba is split by
  English sentence. It has no Czech, and Multi30k no Chinese: "translated" are sentences of the one
  and captions of the other, from the same splits, by the large language model that translated what
  was learned too, and "phrases" lines of the phrase book that nothing learned from. Both are like
  what was learned, so other Czech comes out worse. "names" are sentences on people and places,
  written by that model too, without sight of what was learned. On Multi30k also the literature's
  BLEU, of lower-cased, normalised, Moses-tokenized text, for which [the benchmark](multi30k.md) has
  models of their own.

One training run each, so no spread over seeds: a difference within the interval may be chance.
"""


@click.command()
@click.option(
    "--task",
    "names",
    multiple=True,
    type=click.Choice(["caption", "translate"]),
    default=["caption", "translate"],
    help="Only this one's models; the page keeps what it has of the others.  [default: all]",
)
def main(names: tuple[str, ...]) -> None:
    """Score the models that ship on test data."""
    try:
        sections = kept()
        for title, name, checkpoint in MODELS:
            if name in names:
                sections[title] = section(title, name, checkpoint)
        told = [sections[title] for title, *_ in MODELS if title in sections]
        PAGE.write_text("\n".join([INTRO, *told]), encoding="utf-8")
        print(PAGE)
        if "translate" in names:
            write_twenty(TRANSLATE.shipped)
    except UserError as error:
        raise click.ClickException(str(error)) from None


def kept() -> dict[str, str]:
    """The sections that the page has, by title."""
    _, *found = PAGE.read_text("utf-8").split("\n## ") if PAGE.exists() else [""]
    return {each.partition("\n")[0]: f"## {each.rstrip()}\n" for each in found}


def section(title: str, name: str, checkpoint: Path) -> str:
    """What a model of a task scores on test data."""
    recipe = read(checkpoint).config
    search = recipe["search"]
    report = load_task(name).evaluate(checkpoint, "test", DATA, None)
    return (
        f"## {title}\n\nPreset `{recipe['model']['preset']}`, seed {recipe['seed']},"
        f" beam {search['beam']}, length penalty {search['length_penalty']}.\n\n" + table(report)
    )


def write_twenty(checkpoint: Path) -> None:
    """Puts what a translator makes of the twenty sentences at the end of its card."""
    translator = Translator.load(checkpoint)
    sentences = SENTENCES.read_text("utf-8").splitlines()
    found = [translator.translate(sentences, to=to) for to in translator.languages]
    rows = [("English", *translator.languages), ("---",) * (len(found) + 1)]
    rows += [
        (sentence, *(t.text + " ⚠" * t.doubtful for t in each))
        for sentence, *each in zip(sentences, *found, strict=True)
    ]
    card = checkpoint / "README.md"
    text = card.read_text("utf-8").partition(TWENTY)[0].rstrip()
    lines = [
        text,
        f"\n{TWENTY}\n",
        "Chosen before it was trained; ⚠ where it says itself that it is out of its depth. Written",
        "by `scripts/results`.\n",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    card.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(card)


def table(report: dict[str, dict[str, Any]]) -> str:
    """A row for each test set, a column for each figure; signatures below."""
    found = dict.fromkeys(column for scores in report.values() for column in scores)
    columns = [column for column in found if not column.endswith("signature")]
    lines = ["| test set | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, scores in report.items():
        cells = [_cell(scores[column]) if column in scores else "" for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    signatures = {
        scores[column] for scores in report.values() for column in set(scores) - set(columns)
    }
    lines += ["", *(f"- `{signature}`" for signature in sorted(signatures))]
    return "\n".join(lines).rstrip() + "\n"


def _cell(figure: Any) -> str:
    return " to ".join(map(str, figure)) if isinstance(figure, list) else str(figure)


if __name__ == "__main__":
    main()

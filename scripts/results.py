"""Scores the models that ship and writes docs/results.md: run it as scripts/results."""

import platform
from pathlib import Path
from typing import Any

import torch

from attention_core.checkpoint import read
from attention_core.tasks import load_task

DATA = Path("data")
PAGE = Path("docs/results.md")

INTRO = f"""# Results

What the models that ship score on test data that they were not trained on and not chosen by.
Written by `scripts/results`, which runs `attention-core evaluate caption` and
`attention-core evaluate translate`, with torch {torch.__version__} on {platform.machine()}.

- **Captions**: COCO caption metrics by pycocoevalcap (PTB tokenizer), in points of 100.
- **Translations**: cased, detokenized sacreBLEU and chrF2; a Tatoeba sentence counts once, with
  all of its translations as references. Tatoeba is split by English sentence.

One training run each, so no spread over seeds: a difference of a point is within the noise of
the test sets (±1.7 BLEU for 1,000 sentences).
"""


def main() -> None:
    sections = [INTRO]
    for name in ("caption", "translate"):
        task = load_task(name)
        assert task.shipped is not None
        recipe = read(task.shipped).config
        report = task.evaluate(task.shipped, "test", DATA, None)
        search = recipe["search"]
        sections.append(
            f"## {task.title}\n\nPreset `{recipe['model']['preset']}`, seed {recipe['seed']},"
            f" beam {search['beam']}, length penalty {search['length_penalty']}.\n\n"
            + table(report)
        )
    PAGE.write_text("\n".join(sections), encoding="utf-8")
    print(PAGE)


def table(report: dict[str, dict[str, Any]]) -> str:
    """A row for each test set, a column for each figure; signatures below."""
    columns = [c for c in next(iter(report.values())) if c != "signature"]
    lines = ["| test set | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, scores in report.items():
        lines.append(f"| {name} | " + " | ".join(str(scores[c]) for c in columns) + " |")
    signatures = sorted({s["signature"] for s in report.values() if "signature" in s})
    lines += ["", *(f"- `{signature}`" for signature in signatures)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()

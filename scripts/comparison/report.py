"""docs/multi30k.md and docs/multi30k.csv."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attention_core.translation import corpora
from attention_core.translation.lc_tok import lc_tok_signature
from scripts import record
from scripts.comparison.scoring import Difference, Score
from scripts.comparison.systems import BASELINES, BENCHMARK, SYSTEMS
from scripts.tables import spread, table

PAGE = Path("docs/multi30k.md")
NAMES = {"de": "German", "fr": "French", "cs": "Czech"}

# lc-tok BLEU on test_2016_flickr and test_2017_flickr.
PUBLISHED = {
    "LIUM-CVC cGRU, the best recurrent one published": {"de": (39.0, 31.3), "fr": (59.0, 51.9)},
    "tiny Transformer (Wu et al. 2021)": {"de": (41.0, 33.4), "fr": (61.8, 53.5)},
    "*goal*": {"de": (41.5, 33.8), "fr": (62.2, 54.2)},
}

INTRO = """# Multi30k

Recurrent models with attention on Multi30k task 1: its 29,000 training sentences and nothing else,
single models, no pictures. Everything is chosen on `val`: the checkpoint, and for each language
beam and length penalty. Written by `scripts/multi30k`, which trains, decodes and scores; all
figures, with the 95 % interval of each, are in [multi30k.csv](multi30k.csv).

- **lc-tok BLEU** is the literature's: hypotheses and references lower-cased, then Moses'
  `normalize-punctuation.perl` and `tokenizer.perl`, as in `scripts/task1-tokenize.sh` of the data
  set (no splitting of hyphens), then BLEU by words, unsmoothed. The references come out token for
  token as in the data set's own `*.lc.norm.tok.*`, whose 12,103 German tokens of
  `test_2016_flickr` the published log of the tiny Transformer has too.
- **BLEU** and **chrF2** are sacreBLEU's, cased and detokenized.
- Mean ± standard deviation over seeds, then each seed's.
"""

GAINS = """## What each setting buys

BLEU more than the baseline's of the same seed, with the 95 % interval and p-value of a paired
bootstrap over 1,000 resamples of the sentences (Koehn 2004). It tells of these sentences, and the
spread over seeds of the training.
"""


def write(found: Sequence[Score], runs: Mapping[record.Run, dict[str, Any]]) -> None:
    """Writes both files; ``runs`` is what is told of each run. Other runs keep what they had."""
    before = map(_read, record.rows(PAGE, runs, SYSTEMS))
    order = list(SYSTEMS)
    found = sorted([*before, *found], key=lambda score: (order.index(score.system), score.seed))
    runs = record.runs(PAGE, runs, SYSTEMS)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(found, runs), "utf-8")
    with PAGE.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow([*Score._fields[:-1], *Difference._fields])
        for score in found:
            gains = [f"{x:.3f}" for x in score.difference] if score.difference else [""] * 4
            lines.writerow([*score[:-1], *gains])
    print(PAGE)


def _read(row: Mapping[str, str]) -> Score:
    """A row of the CSV."""
    names = [row[name] for name in ("language", "part")]
    figures = [float(row[name]) for name in ("lc_tok_bleu", "bleu", "low", "high", "chrf")]
    gains = [float(row[name]) for name in Difference._fields if row[name]]
    difference = Difference(*gains) if gains else None
    return Score(row["system"], int(row["seed"]), *names, *figures, row["signature"], difference)


def page(found: Sequence[Score], runs: Mapping[tuple[str, int], dict[str, Any]]) -> str:
    """The whole page, with rows for what there is."""
    sections = [INTRO, "## Scores\n"]
    for language, name in NAMES.items():
        for part in corpora.MULTI30K[language]:
            rows = _scores(found, language, part) if part.startswith("test") else ""
            if rows:
                sections.append(f"### Into {name}, `{part}`\n\n{rows}")
    gains = [score for score in found if score.difference]
    if gains:
        sections.append(GAINS)
        for language, name in NAMES.items():
            if rows := _gains([score for score in gains if score.language == language]):
                against = f"### Into {name}, against `{BASELINES[language]}`"
                sections.append(f"{against}\n\n{rows}")
    if runs:
        sections.append(f"## The runs\n\n{BENCHMARK.table(runs)}")
    signatures = sorted({score.signature for score in found})
    lines = [f"- BLEU: `{signature}`" for signature in signatures]
    lines.append(f"- lc-tok BLEU: `{lc_tok_signature()}`")
    sections.append("## Signatures\n\n" + "\n".join(lines) + "\n")
    return "\n".join(sections)


def _scores(found: Sequence[Score], language: str, part: str) -> str:
    rows = []
    for name, published in PUBLISHED.items():
        if language in published:
            score = published[language][part.startswith("test_2017")]
            rows.append([name, f"≥ {score}" if name == "*goal*" else str(score), "", ""])
    for name in SYSTEMS:
        own = [s for s in found if (s.system, s.language, s.part) == (name, language, part)]
        if own:
            columns: list[Callable[[Score], float]] = [
                lambda score: score.lc_tok_bleu,
                lambda score: score.bleu,
                lambda score: score.chrf,
            ]
            rows.append([f"`{name}`", *(spread([column(s) for s in own]) for column in columns)])
    return table(["", "lc-tok BLEU", "BLEU", "chrF2"], rows) if rows else ""


def _gains(found: Sequence[Score]) -> str:
    parts = ["val", "test_2016_flickr"]
    rows = []
    for name in SYSTEMS:
        own = {(s.seed, s.part): s.difference for s in found if s.system == name and s.difference}
        seeds = sorted({seed for seed, _ in own})
        for seed in seeds:
            rows.append([f"`{name}`", str(seed), *(_gain(own[seed, part]) for part in parts)])
        if len(seeds) > 1:
            means = [spread([own[seed, part].gain for seed in seeds], "+") for part in parts]
            rows.append([f"`{name}`", "mean", *(cell.partition(" (")[0] for cell in means)])
    return table(["", "seed", *(f"`{part}`" for part in parts)], rows) if rows else ""


def _gain(difference: Difference) -> str:
    gain, low, high, p = difference
    return f"{gain:+.2f} [{low:+.2f}, {high:+.2f}], p {p:.3f}"

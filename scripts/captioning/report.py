"""docs/captions.md and docs/captions.csv."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts import record
from scripts.captioning.scoring import Score
from scripts.captioning.systems import BENCHMARK, SYSTEMS
from scripts.tables import spread, table

PAGE = Path("docs/captions.md")
QUALITY = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE_L", "CIDEr")
RICHNESS = ("length", "repetition", "distinct-1", "distinct-2", "vocabulary")
MAIN = "flickr8k test en"
PUBLISHED = {
    MAIN: {
        "Show and Tell, best public re-run": {"BLEU-4": 19.7, "METEOR": 18.3, "CIDEr": 47.9},
        "Show, Attend and Tell, soft (paper)": {"BLEU-4": 19.5, "METEOR": 18.9},
        "Show, Attend and Tell, hard (paper)": {"BLEU-4": 21.3, "METEOR": 20.3},
        "adaptive attention, ResNet-152 fine-tuned (public run)": {
            "BLEU-4": 23.5,
            "METEOR": 20.7,
            "CIDEr": 58.9,
        },
        "*goal: cross-entropy*": {"BLEU-4": 25.0, "METEOR": 21.5, "CIDEr": 62.0},
        "*goal: CIDEr as the reward*": {"BLEU-4": 25.0, "METEOR": 21.5, "CIDEr": 70.0},
    },
    "flickr8k test zh, translated by people": {"*goal*": {"BLEU-4": 26.0, "CIDEr": 52.0}},
    "flickr8k test zh, translated by people, by word": {
        "ResNet-152, words of another segmenter (the best published)": {
            "BLEU-4": 24.1,
            "CIDEr": 47.6,
        },
        "*goal*": {"BLEU-4": 26.0, "CIDEr": 52.0},
    },
}

INTRO = """# Captions of Flickr8k

Captioners of the 6,000 training pictures of Flickr8k and their captions, and nothing else, scored
on the 1,000 test pictures, English ones against five references each. The encoder is an
EfficientNet-Lite, pre-trained on ImageNet. Everything is chosen on `val`: the checkpoint by greedy
CIDEr, then beam width and length penalty for each language. Written by `scripts/captions`, which
trains, captions and scores; all figures are in [captions.csv](captions.csv).

- BLEU, METEOR, ROUGE-L and CIDEr-D are pycocoevalcap's over Stanford's PTB tokens, in points.
- There is no SPICE: its CoreNLP models come with no package, and aren't fetched unasked.
- Chinese is scored by character and by the words of jieba 0.42; on the captions that Chinese
  speakers wrote of these pictures, and on the English captions that people translated (Li et al.
  2016). The published figures use another segmenter. `chinese-translated` learned from two
  machines' translations of the English captions, `chinese-llm` from those that a large language
  model made for this and no native speaker has read, the other systems from native ones.
- *translated* is the English caption of the same model, by the translator that shipped at the time.
- Cross-entropy and CIDEr as the reward are rows apart, and richness tells what a higher CIDEr may
  have cost: words of a caption; percent of captions that repeat a word at once or a pair of words;
  different words and pairs in percent of all; different words.
- What `chinese-translated-reward` says is often no sentence, such as
  一个年轻的孩子在一个红色的衬衫: its scores are higher than without the reward, and its
  captions worse.
- Mean ± standard deviation over seeds, then each seed's.
"""


def write(found: Sequence[Score], runs: Mapping[record.Run, dict[str, Any]]) -> None:
    """Writes both files; ``runs`` is what is told of each run. Other runs keep what they had."""
    before = [
        Score(**{**row, "seed": int(row["seed"]), "value": json.loads(row["value"])})  # type: ignore[arg-type]
        for row in record.rows(PAGE, runs, SYSTEMS)
    ]
    order = list(SYSTEMS)
    found = sorted([*before, *found], key=lambda score: (order.index(score.system), score.seed))
    runs = record.runs(PAGE, runs, SYSTEMS)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(found, runs), "utf-8")
    with PAGE.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(Score._fields)
        lines.writerows(found)
    print(PAGE)


def page(found: Sequence[Score], runs: Mapping[tuple[str, int], dict[str, Any]]) -> str:
    """The whole page, with rows for what there is."""
    sections = [INTRO]
    for test in dict.fromkeys(score.test for score in found):
        own = [score for score in found if score.test == test]
        sections.append(f"## {test}\n\n{_scores(own, test, QUALITY)}")
        sections.append(f"### Richness\n\n{_scores(own, '', RICHNESS)}")
    if runs:
        sections.append(f"## The runs\n\n{BENCHMARK.table(runs)}")
    return "\n".join(sections)


def _scores(found: Sequence[Score], test: str, figures: Sequence[str]) -> str:
    rows = [
        [name, *(f"{scores[figure]}" if figure in scores else "" for figure in figures)]
        for name, scores in PUBLISHED.get(test, {}).items()
    ]
    for name in SYSTEMS:
        for origin in dict.fromkeys(score.origin for score in found if score.system == name):
            cells = []
            for figure in figures:
                values = [
                    score.value
                    for score in found
                    if (score.system, score.origin, score.figure) == (name, origin, figure)
                ]
                cells.append(spread(values) if values else "")
            rows.append([f"`{name}`" + ("" if origin == "own" else f", {origin}"), *cells])
    return table(["", *figures], rows)

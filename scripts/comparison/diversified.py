"""What the benchmark's own models make of the training text."""

from collections.abc import Callable
from pathlib import Path

from attention_core.translation import corpora
from attention_core.translation.corpora import Pair
from attention_core.translation.predictor import Translator
from scripts import synthetic
from scripts.comparison.systems import DIVERSIFIED, run_of

TEACHERS = (  # the systems, their seeds, and what is done with them
    ("final", (2, 3), synthetic.forward),
    ("final-back", (2,), synthetic.backward),
)


def diversify(data: str, make: Callable[[str, int], None]) -> None:
    """Writes it, unless it is there; ``make`` trains a system with a seed."""
    folder = Path(DIVERSIFIED)
    if folder.exists():
        return
    text = corpora.multi30k(data, "train", "de")
    made: list[Pair] = []
    for name, seeds, translated in TEACHERS:
        for seed in seeds:
            make(name, seed)
            made += translated(Translator.load(run_of(name, seed) / "best"), text)
    tested = synthetic.held_out(data, ["de"], tatoeba=False)
    synthetic.write(folder, made, text, tested)

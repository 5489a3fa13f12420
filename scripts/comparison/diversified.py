"""More text out of the training text alone: data diversification. Nguyen et al. 2020, §3.1."""

from collections.abc import Callable
from pathlib import Path

from attention_core.translation import corpora
from attention_core.translation.predictor import Translator
from scripts.comparison.decoding import translate
from scripts.comparison.systems import DIVERSIFIED, run_of

FORWARD = "final", (2, 3)  # the system that translates the sources, and its seeds
BACKWARD = "final-back", (2,)  # and the one that translates the targets back


def diversify(data: str, make: Callable[[str, int], None]) -> None:
    """Writes what models of the text make of its sources and its targets, unless it is there.

    That is two files of aligned lines, without what the text has itself and without repeats.
    ``make`` trains a system with a seed.
    """
    folder = Path(DIVERSIFIED)
    if folder.exists():
        return
    text = [pair[:2] for pair in corpora.multi30k(data, "train", "de")]
    made: dict[tuple[str, str], None] = {}
    for (name, seeds), into_english in ((FORWARD, False), (BACKWARD, True)):
        pairs = corpora.multi30k(data, "train", "de", into_english=into_english)
        for seed in seeds:
            make(name, seed)
            outputs = translate(Translator.load(run_of(name, seed) / "best"), pairs)
            sources = [pair.source for pair in pairs]
            ours, theirs = (outputs, sources) if into_english else (sources, outputs)
            made |= dict.fromkeys(zip(ours, theirs, strict=True))
    known = set(text)
    rows = [row for row in made if row not in known and all(row)]
    folder.mkdir(parents=True)
    for language, lines in zip(("en", "de"), zip(*rows, strict=True), strict=True):
        (folder / f"made.{language}").write_text("".join(f"{x}\n" for x in lines), "utf-8")

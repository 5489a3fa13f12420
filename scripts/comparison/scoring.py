"""Scores of the translations that were kept, and how far they are from the baseline's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attention_core.translation import corpora
from attention_core.translation.evaluation import RESAMPLES, bleu_metric, scores
from attention_core.translation.lc_tok import lc_tok_bleu
from scripts.comparison.decoding import evaluation_sets, outputs
from scripts.comparison.systems import BASELINES, run_of
from scripts.systems import told


class Difference(NamedTuple):
    """BLEU more than the baseline's of the same seed, with the 95 % interval."""

    gain: float
    gain_low: float
    gain_high: float
    p_value: float  # that a difference so large is chance


class Score(NamedTuple):
    """A run on a set. BLEU is sacreBLEU's, cased, with its 95 % interval."""

    system: str
    seed: int
    language: str
    part: str
    lc_tok_bleu: float
    bleu: float
    low: float
    high: float
    chrf: float
    signature: str
    difference: Difference | None  # None for the baseline, and where it has not been decoded


def scored(name: str, seed: int, data: str) -> list[Score]:
    """A run's scores on all sets of its languages."""
    run = run_of(name, seed)
    found = []
    for language in languages_of(run):
        baseline = run_of(BASELINES[language], seed)
        comparable = run != baseline and language in languages_of(baseline)
        for part in evaluation_sets(language):
            references = [pair.target for pair in corpora.multi30k(data, part, language)]
            texts = outputs(run, part, language)
            own = scores(texts, [references], language)
            other = outputs(baseline, part, language) if comparable else None
            found.append(
                Score(
                    name,
                    seed,
                    language,
                    part,
                    round(lc_tok_bleu(texts, [references], language), 2),
                    own["bleu"],
                    *own["interval"],
                    own["chrf"],
                    own["signature"],
                    other and difference(texts, other, references, language),
                )
            )
    return found


def languages_of(run: Path) -> list[str]:
    """The languages that a run has been decoded in."""
    return list((told(run) or {"search": {}})["search"])


def difference(
    texts: Sequence[str], baseline: Sequence[str], references: Sequence[str], language: str
) -> Difference:
    """How much better, by paired bootstrap (Koehn 2004): both on the same resampled sentences."""
    from sacrebleu.significance import PairedTest, _bootstrap_resample

    if texts == baseline:
        return Difference(0.0, 0.0, 0.0, 1.0)  # to sacreBLEU, never chance
    metric = bleu_metric(language)
    systems = [("baseline", list(baseline)), ("system", list(texts))]
    streams = [list(references)]
    test: Any = PairedTest(systems, {"BLEU": metric}, streams, test_type="bs", n_samples=RESAMPLES)
    _, found = test()
    before, after = found["BLEU"]
    # The test draws the same sentences, by the same seed, but keeps the differences to itself.
    drawn = [
        _bootstrap_resample(metric._extract_corpus_statistics(each, streams), metric, RESAMPLES)[1]
        for _, each in systems
    ]
    gains = [own.score - other.score for other, own in zip(*drawn, strict=True)]
    low, high = np.percentile(gains, [2.5, 97.5]).tolist()
    told = after.score - before.score, low, high, after.p_value
    return Difference(*(round(each, 3) for each in told))

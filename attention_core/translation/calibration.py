"""Measuring translations one by one, to fit a confidence and to judge one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from attention_core.translation.confidence import Confidence, fit, inputs
from attention_core.translation.corpora import Pair
from attention_core.translation.found import Found
from attention_core.translation.predictor import Translator


class Measured(NamedTuple):
    """A sentence as the encoder takes it, what search found, and the chrF of that, 0 to 1.

    >>> from attention_core.search import Hypothesis
    >>> Measured([5, 2], Hypothesis([5, 2], [-0.5, 0.0], -0.25, None, True), "de", 0.5).quality
    0.5
    """

    source: list[int]
    found: Found
    language: str
    quality: float


def measured(translator: Translator, pairs: Sequence[Pair]) -> list[Measured]:
    """The pairs' sources, each once, translated and compared with all of their translations.

    Texts of several sentences are left out. chrF: Popović 2015, by sacreBLEU, of up to six letters,
    or two Chinese characters, either of which is about a word.

    >>> measured(Translator.load(), [])
    []
    """
    from sacrebleu.metrics import CHRF

    results = []
    by_language = sorted(pairs, key=lambda pair: pair.language)
    for language, group in groupby(by_language, key=lambda pair: pair.language):
        chrf = CHRF(char_order=2 if language == "zh" else 6)
        references: dict[str, list[str]] = defaultdict(list)
        for pair in group:
            references[pair.source].append(pair.target)
        encoded = [(translator.encode(source), rows) for source, rows in references.items()]
        whole = [(each[0], rows) for each, rows in encoded if len(each) == 1]
        found = translator.decode(
            [sentence.ids for sentence, _ in whole], to=language, width=translator.search.beam
        )
        for (sentence, rows), (best, *_) in zip(whole, found, strict=True):
            score = chrf.sentence_score(translator.text(sentence, best, language), rows).score
            results.append(Measured(sentence.ids, best, language, score / 100))
    return results


def calibrated(
    translator: Translator, pairs: Sequence[Pair], frequencies: Mapping[str, list[int]]
) -> Confidence | None:
    """The confidence of a translator, fitted on pairs that it did not learn from.

    None where not a single sentence is among them.

    >>> calibrated(Translator.load(), [Pair("One. Two.", "Eins. Zwei.", "de")], {"de": [1]})
    """
    results = measured(translator, pairs)
    if not results:
        return None
    given = [inputs(each.source, each.found, frequencies[each.language]) for each in results]
    return fit(
        given, [each.quality for each in results], [each.language for each in results], frequencies
    )

"""Translation quality: sacreBLEU and chrF, cased and detokenized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_core.errors import UserError, nearest
from attention_core.translation import corpora

SPLITS = ("val", "test")


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    """Corpus BLEU (Papineni et al. 2002) by sacreBLEU (Post 2018), in points of 100.

    >>> round(bleu(["a dog runs on the beach"], ["a dog runs on a beach"], "de"), 1)
    53.7
    """
    return float(_metric(language).corpus_score(list(hypotheses), [list(references)]).score)


def evaluate(checkpoint: Path, split: str, data: Path, beam: int | None) -> dict[str, Any]:
    """BLEU and chrF for every corpus and language that has the split, with signatures.

    A model of one's own files is scored on those of their pairs that it did not learn from. A
    sentence with several translations counts once, with all of them as references.

    Raises UserError for an unknown split or missing data.

    >>> evaluate(Path("runs/mine/best"), "train", Path("data"), None)
    Traceback (most recent call last):
    attention_core.errors.UserError: unknown split 'train'. Known: test, val.
    """
    from attention_core.checkpoint import read
    from attention_core.translation.predictor import Translator

    if split not in SPLITS:
        raise UserError(f"unknown split {split!r}.{nearest(split, SPLITS)}")
    translator = Translator.load(checkpoint)
    report: dict[str, Any] = {}
    files = read(checkpoint).config["data"].get("files")
    if files:
        (language,) = translator.languages
        tests = {f"own {split} {language}": corpora.own(files, split, language)}
    else:
        tests = test_sets(data, split, translator.languages)
    for name, pairs in tests.items():
        language = pairs[0].language
        references: dict[str, list[str]] = {}
        for pair in pairs:
            references.setdefault(pair.source, []).append(pair.target)
        sources = list(references)
        most = max(map(len, references.values()))
        streams = [[r[i] if i < len(r) else None for r in references.values()] for i in range(most)]
        hypotheses = [t.text for t in translator.translate(sources, to=language, beam=beam)]
        metric, chrf = _metric(language), _chrf()
        report[name] = {
            "bleu": round(metric.corpus_score(hypotheses, streams).score, 2),
            "chrf": round(chrf.corpus_score(hypotheses, streams).score, 2),
            "sentences": len(sources),
            "signature": str(metric.get_signature()),
        }
    return report


def test_sets(data: Path, split: str, languages: Sequence[str]) -> dict[str, list[corpora.Pair]]:
    """Every evaluation set of a split, by name.

    >>> test_sets(Path("data"), "test", ["es"])  # a language that no corpus is in
    {}
    """
    found = {}
    for language in languages:
        for part in corpora.MULTI30K.get(language, ()):
            if part.startswith(split):
                found[f"multi30k {part} en-{language}"] = corpora.multi30k(data, part, language)
        if language in corpora.TATOEBA:
            found[f"tatoeba {split} en-{language}"] = corpora.tatoeba(data, split, language)
    return found


def _metric(language: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize="zh" if language == "zh" else "13a")


def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()

"""Translation quality: sacreBLEU and chrF, cased and detokenized, and the literature's BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_core.errors import UserError, nearest
from attention_core.translation import corpora, translated
from attention_core.translation.lc_tok import lc_tok_bleu, lc_tok_signature
from attention_core.translation.sentences import CHINESE, is_spaced, primary

SPLITS = ("val", "test")
RESAMPLES = 1000  # of the bootstrap, by sacreBLEU's fixed seed

References = Sequence[Sequence[str | None]]  # streams, each with one for a hypothesis or None


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    """Corpus BLEU (Papineni et al. 2002) by sacreBLEU (Post 2018), in points of 100; by n-grams as
    long as there are, where all texts are shorter than four words.

    >>> round(bleu(["a dog runs on the beach"], ["a dog runs on a beach"], "de"), 1)
    53.7
    """
    metric = bleu_metric(language)
    metric.effective_order = True
    return float(metric.corpus_score(list(hypotheses), [list(references)]).score)


def scores(hypotheses: Sequence[str], references: References, language: str) -> dict[str, Any]:
    """BLEU with its 95 % interval, chrF2, and the signature of BLEU.

    The interval is that of 1,000 bootstrap resamples of the sentences (Koehn 2004), as sacreBLEU
    gives it: their mean, and half the distance of their 2.5th and 97.5th percentile to both sides.

    >>> found = scores(["a dog runs on the beach"] * 9, [["a dog runs on a beach"] * 9], "de")
    >>> found["bleu"], found["interval"], found["sentences"]
    (53.73, [53.73, 53.73], 9)
    """
    from sacrebleu.metrics import CHRF
    from sacrebleu.significance import PairedTest

    streams: Any = references  # some may be None, which sacreBLEU's types forget
    test: Any = PairedTest(
        [("", list(hypotheses))],
        {"BLEU": bleu_metric(language)},
        streams,
        test_type="bs",
        n_samples=RESAMPLES,
    )
    signatures, found = test()
    (result,), (signature,) = found["BLEU"], signatures.values()
    return {
        "bleu": round(result.score, 2),
        "interval": [round(float(result.mean + side), 2) for side in (-result.ci, result.ci)],
        "chrf": round(CHRF().corpus_score(list(hypotheses), streams).score, 2),
        "sentences": len(hypotheses),
        "signature": str(signature),
    }


def evaluate(checkpoint: Path, split: str, data: Path, beam: int | None) -> dict[str, Any]:
    """``scores`` for every corpus and language that has the split, and on Multi30k ``lc_tok_bleu``.

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
    learned = read(checkpoint).config["data"]
    if files := learned.get("files"):
        (language,) = translator.languages
        own = corpora.own(files, split, language, swap=learned.get("swap", False))
        if not own:
            raise UserError(
                f"{', '.join(files)}: no pair for {split}: more lines are needed, of"
                " which that is 2 %"
            )
        tests = {f"own {split} {language}": own}
    elif learned.get("into_english"):
        tests = test_sets(data, split, learned["languages"], into_english=True)
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
        report[name] = scores(hypotheses, streams, language)
        if name.startswith("multi30k"):
            report[name]["lc-tok bleu"] = round(lc_tok_bleu(hypotheses, streams, language), 2)
            report[name]["lc-tok signature"] = lc_tok_signature()
    return report


def test_sets(
    data: Path, split: str, languages: Sequence[str], *, into_english: bool = False
) -> dict[str, list[corpora.Pair]]:
    """Every evaluation set of a split, by name: English into the languages, or out of them.

    >>> test_sets(Path("data"), "test", ["es"])  # a language that no corpus is in
    {}
    """
    found = {}
    for language in languages:
        pair = f"{language}-en" if into_english else f"en-{language}"
        for part in corpora.MULTI30K.get(language, ()):
            if part.startswith(split):
                found[f"multi30k {part} {pair}"] = corpora.multi30k(
                    data, part, language, into_english=into_english
                )
        if language in corpora.TATOEBA:
            found[f"tatoeba {split} {pair}"] = corpora.tatoeba(
                data, split, language, into_english=into_english
            )
        if language in corpora.PHRASES_HELD_OUT:
            found[f"phrases {split} {pair}"] = corpora.phrases(
                language, split, into_english=into_english
            )
        if split == "test" and language in corpora.book("names")[0][1:]:
            found[f"names test {pair}"] = corpora.phrases(
                language, "names", into_english=into_english
            )
        if language in translated.HELD_OUT:
            pairs = translated.pairs(data, split, language, into_english=into_english)
            if pairs:
                found[f"translated {split} {pair}"] = pairs
    return found


def bleu_metric(language: str) -> Any:
    """sacreBLEU's metric with the tokenizer for the language.

    >>> bleu_metric("zh").tokenizer.signature()
    'zh'
    """
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=bleu_tokenizer(language))


def bleu_tokenizer(language: str) -> str:
    """The name of sacreBLEU's tokenizer for a language, told by its code: that for Chinese, by
    character for others without spaces between words, or the usual one.

    >>> [bleu_tokenizer(language) for language in ("zh_TW", "ja", "de-AT")]
    ['zh', 'char', '13a']
    """
    if primary(language) in CHINESE:
        return "zh"
    return "13a" if is_spaced(language) else "char"

"""The BLEU that the literature of Multi30k reports: of lower-cased, normalised, tokenized text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any


def lc_tok(text: str, language: str) -> str:
    """The text as in the data set's own files ``*.lc.norm.tok.*`` (Elliott et al. 2016,
    https://github.com/multi30k/dataset, scripts/task1-tokenize.sh).

    Three scripts of Moses (Koehn et al. 2007) in that order: lowercase.perl,
    normalize-punctuation.perl -l LANGUAGE, tokenizer.perl -l LANGUAGE, which escapes what XML does
    and leaves hyphens alone. Here they are those of sacremoses.

    >>> lc_tok("Ein „roter“ T-Shirt-Träger.", "de")
    'ein &quot; roter &quot; t-shirt-träger .'
    """
    return _moses(language)(text)


def lc_tok_bleu(
    hypotheses: Sequence[str], references: Sequence[Sequence[str | None]], language: str
) -> float:
    """Corpus BLEU of ``lc_tok`` text, by its words alone and without smoothing, in points of 100:
    that of multi-bleu.perl, by sacreBLEU.

    Shapes: R streams of references, each as many as hypotheses; None where there is none.

    >>> round(lc_tok_bleu(["Ein HUND läuft am Strand."], [["ein Hund läuft am Strand."]], "de"), 1)
    100.0
    """
    split = _moses(language)
    streams = [[text and split(text) for text in stream] for stream in references]
    return float(_metric().corpus_score([split(text) for text in hypotheses], streams).score)


def lc_tok_signature() -> str:
    """What ``lc_tok_bleu`` measures: sacreBLEU's signature, and what the text went through before.

    >>> lc_tok_signature().partition("|version")[0]
    'nrefs:1|case:lc|eff:no|tok:none|smooth:none'
    """
    import sacremoses

    metric = _metric()
    metric.corpus_score(["a"], [["a"]])  # a signature tells of a score that was taken
    return f"{metric.get_signature()}|text:lc.norm.tok|sacremoses:{sacremoses.__version__}"


@functools.cache
def _moses(language: str) -> Callable[[str], str]:
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalizer = MosesPunctNormalizer(language, perl_parity=True)
    tokenizer = MosesTokenizer(language)

    def split(text: str) -> str:
        # Moses normalises lines with their ends, and a rule about final quotes looks at these.
        normalized = normalizer.normalize(text.lower() + "\n")
        return str(tokenizer.tokenize(normalized, return_str=True))

    return split


def _metric() -> Any:
    from sacrebleu.metrics import BLEU

    # `force` says that the text is tokenized on purpose.
    return BLEU(tokenize="none", lowercase=True, smooth_method="none", force=True)

"""Caption metrics as the COCO caption server computes them, through pycocoevalcap.

Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server" (2015), section 3:
BLEU (Papineni et al. 2002), METEOR (Denkowski and Lavie 2014), ROUGE-L (Lin 2004) and CIDEr-D
(Vedantam et al. 2015), over tokens of Stanford's PTBTokenizer without punctuation. All in points,
that is times 100. The tokenizer and METEOR are Java programs that pycocoevalcap brings along.

Chinese is measured by character, or by the words of jieba, and without its punctuation; METEOR's
synonyms are English alone. SPICE (Anderson et al. 2016) isn't among them: it needs Stanford's
CoreNLP models, 300 MB that pycocoevalcap downloads as it is asked, and a graph of English alone.
"""

import functools
import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attention_core.errors import UserError

References = Mapping[str, Sequence[str]]
Hypotheses = Mapping[str, str]
Tokenizer = Callable[[list[str]], list[str]]
Tokens = dict[str, list[str]]  # by picture: texts whose tokens stand between single spaces


def coco_metrics(
    references: References,
    hypotheses: Hypotheses,
    java: bool | None = None,
    *,
    words: bool = False,
) -> dict[str, float]:
    """BLEU-1 to BLEU-4, METEOR, ROUGE_L and CIDEr of one caption a picture, in points.

    Without Java there is no METEOR, the tokenizer is an approximation in Python, the result has
    the key "approximate" (1.0), and a warning says so once.

    CIDEr weighs n-grams by how few of the pictures have them: that of a single picture is 0.

    Args:
        references: the captions people wrote, by picture.
        hypotheses: the caption to be measured, for the same pictures.
        java: whether to use Java; None uses it where it is installed.
        words: Chinese by the words of jieba rather than by character.

    Raises:
        UserError: the two don't have the same pictures, there are none, a picture has no
            reference, or Java is asked for and isn't installed.
    """
    _check(references, hypotheses)
    split = segmented if words else spaced
    installed = shutil.which("java") is not None
    if java and not installed:
        raise UserError("Java isn't installed: install a runtime (java), or measure without it.")
    if java is False or not installed:
        if java is None:
            _warn_without_java()
        measured = _measure(references, hypotheses, approximate_ptb, split)
        return {**measured, "approximate": 1.0}
    return _measure(references, hypotheses, ptb, split, meteor=True)


def quick_metrics(references: References, hypotheses: Hypotheses) -> dict[str, float]:
    """BLEU-4 and CIDEr over approximate tokens, in points: for validation while training.

    Raises:
        UserError: as for `coco_metrics`.
    """
    _check(references, hypotheses)
    scores = _ngram_scores(*_tokenized(references, hypotheses, approximate_ptb, spaced))
    return {name: scores[name] for name in ("BLEU-4", "CIDEr")}


def _check(references: References, hypotheses: Hypotheses) -> None:
    if not references:
        raise UserError("There are no captions to measure.")
    if odd := references.keys() ^ hypotheses.keys():
        raise UserError(
            f"{len(odd)} pictures have only a caption or only references, such as "
            f"{min(odd)!r}: measure the same pictures on both sides."
        )
    if bare := [id for id, texts in references.items() if not texts]:
        raise UserError(f"{len(bare)} pictures have no reference caption, such as {bare[0]!r}.")


@functools.cache
def _warn_without_java() -> None:
    from rich.console import Console

    Console(stderr=True).print(
        "Java isn't installed: METEOR is left out, and the other metrics use an approximate "
        "tokenizer. For comparable numbers install a Java runtime.",
        style="yellow",
    )


def _measure(
    references: References,
    hypotheses: Hypotheses,
    tokenizer: Tokenizer,
    split: Callable[[str], str],
    *,
    meteor: bool = False,
) -> dict[str, float]:
    from pycocoevalcap.rouge.rouge import Rouge

    expected, given = _tokenized(references, hypotheses, tokenizer, split)
    scores = _ngram_scores(expected, given)
    cider = scores.pop("CIDEr")
    if meteor:
        with _meteor() as scorer:
            scores["METEOR"] = 100 * scorer.compute_score(expected, given)[0]
    scores["ROUGE_L"] = 100 * float(Rouge().compute_score(expected, given)[0])
    return {**scores, "CIDEr": cider}


def _ngram_scores(expected: Tokens, given: Tokens) -> dict[str, float]:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    bleu = Bleu(4).compute_score(expected, given, verbose=0)[0]
    scores = {f"BLEU-{n}": 100 * float(score) for n, score in enumerate(bleu, start=1)}
    return {**scores, "CIDEr": 100 * float(Cider().compute_score(expected, given)[0])}


@contextmanager
def _meteor() -> Iterator[Any]:
    """pycocoevalcap's METEOR, whose Java process ends here and not with the interpreter."""
    from pycocoevalcap.meteor.meteor import Meteor

    scorer = Meteor()
    with scorer.meteor_p:
        yield scorer


def _tokenized(
    references: References,
    hypotheses: Hypotheses,
    tokenizer: Tokenizer,
    split: Callable[[str], str],
) -> tuple[Tokens, Tokens]:
    """References and hypotheses in tokens, every picture in the same order in both."""
    texts = [text for id in references for text in (*references[id], hypotheses[id])]
    lines = iter(tokenizer([split(text) for text in texts]))
    expected: Tokens = {}
    given: Tokens = {}
    for id in references:
        expected[id] = [next(lines) for _ in references[id]]
        given[id] = [next(lines)]
    return expected, given


def spaced(text: str) -> str:
    """One line with single spaces, every Chinese character a word.

    >>> spaced("一只狗，in 2 T-shirts")
    '一 只 狗 in 2 T-shirts'
    """
    return " ".join(_CHARACTER.sub(r" \1 ", _PUNCTUATION.sub(" ", text)).split())


def segmented(text: str) -> str:
    """One line with single spaces between the words, in Chinese those of jieba.

    Raises:
        UserError: jieba isn't installed.

    >>> segmented("一个女人躺在海水里。")
    '一个 女人 躺 在 海水 里'
    """
    return " ".join(" ".join(cut(_PUNCTUATION.sub(" ", text))).split())


def cut(text: str) -> list[str]:
    """A text that has Chinese characters in its words by jieba, and any other as it is; joined
    again, they are the text.

    Raises:
        UserError: jieba isn't installed.

    >>> cut("一只狗在奔跑。"), cut("a dog")
    (['一只', '狗', '在', '奔跑', '。'], ['a dog'])
    """
    if not _CHARACTER.search(text):
        return [text]
    try:
        import jieba
    except ModuleNotFoundError:
        raise UserError("Chinese words need jieba: pip install jieba") from None
    jieba.setLogLevel(logging.ERROR)
    return list(jieba.cut(text))


_PUNCTUATION = re.compile("[\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]")
_CHARACTER = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


def ptb(lines: list[str]) -> list[str]:
    """Lower-case tokens of Stanford's PTBTokenizer 3.4.1, without COCO's list of punctuation.

    Raises:
        UserError: the Java program failed.
    """
    from pycocoevalcap.tokenizer import ptbtokenizer

    jar = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
    command = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    options = ["-preserveLines", "-lowerCase", "-encoding", "utf8"]
    done = subprocess.run(
        command + options, input="\n".join([*lines, ""]).encode(), capture_output=True
    )
    tokenized = done.stdout.decode().split("\n")[:-1]
    if done.returncode or len(tokenized) != len(lines):
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise UserError(f"The Java tokenizer of the caption metrics failed: {reason[-1]}")
    return [_without_punctuation(line.split()) for line in tokenized]


_TOKEN = re.compile(
    r"""
    [a-z]+(?=n't\b) | n't\b                 # do n't
  | can(?=not\b)                            # can not
  | '(?:s|m|d|ll|re|ve)\b | 'n'             # dog 's
  | (?:[a-z]\.){2,}                         # u.s.
  | \d+(?:[.,:/]\d+)*(?![\w-])              # 3,000
  | [^\W_]+(?:[-/.@][^\W_]+)*               # t-shirt
  | \.{3} | --+ | [!?]{2,}
  | \S
    """,
    re.VERBOSE,
)
_SPELLED = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


def approximate_ptb(lines: list[str]) -> list[str]:
    """`ptb` without Java, nearly: of a thousand captions it splits about one another way."""
    return [
        _without_punctuation(
            [_SPELLED.get(token, token) for token in _TOKEN.findall(line.lower()) if token != '"']
        )
        for line in lines
    ]


def _without_punctuation(tokens: list[str]) -> str:
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    return " ".join(token for token in tokens if token not in PUNCTUATIONS)

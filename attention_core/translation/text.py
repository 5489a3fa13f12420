"""Whole texts around a search of sentences: cut and encoded before it, told in words after it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attention_core.tokenizer import Tokenizer
from attention_core.translation.casing import truecased
from attention_core.translation.confidence import DOUBTFUL, Confidence
from attention_core.translation.found import Found
from attention_core.translation.sentences import (
    cut,
    is_spaced,
    says_something,
    sentences,
    within_tags,
    without_end,
    written_out,
)
from attention_core.translation.stand_ins import (
    CJK,
    NO_LANGUAGE,
    STAND_INS,
    Held,
    astray,
    held,
    localised,
    once,
    restored,
)

BATCH = 32
LONGEST_SENTENCE = 200  # tokens
SHORTEST_LIMIT = 30  # tokens that may come of a word, whose translation may be a definition
_BETWEEN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")  # as Chinese has none


@dataclass(frozen=True)
class Translation:
    """A translation and where the decoder looked for each of its words.

    >>> looked = [(0, [0.9, 0.1]), (2, [1.0])]  # in two sentences, the second of one word
    >>> words = ["Hello", "there.", "Bye."], ["Hola.", "Adiós."]
    >>> Translation("Hello there. Bye.", "Hola. Adiós.", -0.1, *words, looked).alignment
    [[0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]
    """

    source: str
    text: str
    score: float  # mean log-probability of a token, in nats
    source_tokens: list[str]  # words; "</s>" ends a sentence
    tokens: list[str]
    looked: list[tuple[int, list[float]]]  # for each of ``tokens``: its weights on source tokens,
    # from that one on; those before and after are of other sentences
    confidence: float | None = None  # the chrF, 0 to 1, that can be expected of it
    log_probabilities: Sequence[float] = ()  # of each of ``tokens``; 0 for what is carried over
    alternatives: tuple[Translation, ...] = ()  # the next best, best first

    @property
    def doubtful(self) -> bool:
        """Whether the model is out of its depth; never where its confidence is not known."""
        return self.confidence is not None and self.confidence < DOUBTFUL

    @property
    def alignment(self) -> list[list[float]]:
        """A row for each of ``tokens``: its weight on each source token.

        Empty where the model has no attention.
        """
        size = len(self.source_tokens)
        return [
            [0.0] * first + row + [0.0] * (size - first - len(row)) for first, row in self.looked
        ]


class EncodedSentence(NamedTuple):
    """A sentence as the encoder takes it, and what its translation has to know of it.

    >>> EncodedSentence([5, 6, 2], ended=False).ids
    [5, 6, 2]
    """

    ids: list[int]  # the end token with them
    ended: bool  # whether its full stop is the author's own
    shouted: bool = False  # whether it is in capitals
    spans: Sequence[str] = ()  # the text of its stand-ins
    tags: tuple[str, str] = ("", "")  # before it and behind it
    carried: str = ""  # the sentence, where there is nothing to translate
    lines: str = ""  # the line breaks behind it


class TextTranslator(ABC):
    """What a translator does with a text before and after its sentences are searched.

    How they are searched is ``search_batch``: by torch in ``Translator``, by onnxruntime in the
    runtime.

    >>> TextTranslator.__abstractmethods__
    frozenset({'search_batch'})
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        beam: int,
        stand_ins: bool = False,
        confidence: Confidence | None = None,
    ) -> None:
        """``beam`` is the width unless another is asked for; ``stand_ins`` tells whether the model
        has learnt to carry them over. Without ``confidence`` no translation has any.
        """
        self.tokenizer = tokenizer
        self.beam = beam
        self.stand_ins = stand_ins
        self.confidence = confidence

    @abstractmethod
    def search_batch(
        self, ids: list[list[int]], *, to: str, width: int, max_length: int
    ) -> Sequence[Sequence[Found]]:
        """What beam search makes of a batch of encoded sentences, best first."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it can translate into."""
        return self.tokenizer.languages

    def translate(
        self, texts: Sequence[str], *, to: str, beam: int | None = None, nbest: int = 1
    ) -> list[Translation]:
        """The best translation of each text, with ``nbest`` - 1 alternatives.

        A text of several sentences is translated sentence by sentence and joined, line breaks and
        all; its k-th best joins the k-th best of each. A sentence without an end gets none in its
        translation, one in capitals is translated without and told in them, and one without a
        letter or a number stays as it is. A model of text in small letters reads all in them, and
        one that never saw a full stop is given none.
        ``beam`` None is the checkpoint's own width. Nothing is too long: a sentence that the model
        can't take whole is cut, between clauses where it can be.

        Raises UserError for an unknown language or a text that ``encode`` refuses; ValueError for a
        text that is not in a list, or a number below 1.
        """
        if isinstance(texts, str):
            raise ValueError("texts: expected a list of texts, got one: put it into a list")
        for name, number in (("beam", beam), ("nbest", nbest)):
            if number is not None and number < 1:
                raise ValueError(f"{name}: expected at least 1, got {number}")
        self.tokenizer.begin(to)
        width = max(beam or self.beam, nbest)
        parts = [self.encode(text) for text in texts]
        ids = [sentence.ids for part in parts for sentence in part]
        searched = iter(self.decode(ids, to=to, width=width))
        translations = []
        for text, part in zip(texts, parts, strict=True):
            found = [next(searched) for _ in part]
            best, *rest = [
                self._joined(text, part, [ranked[min(k, len(ranked) - 1)] for ranked in found], to)
                for k in range(min(nbest, max(map(len, found))))
            ]
            translations.append(replace(best, alternatives=tuple(rest)))
        return translations

    def encode(self, text: str) -> list[EncodedSentence]:
        """The sentences of a text as the encoder takes them.

        Raises UserError for a text that ``sentences`` refuses.
        """
        found: list[EncodedSentence] = []
        for sentence, lines in sentences(text):
            *others, last = self._fitting(sentence)
            found += [*others, last._replace(lines=lines)]
        return found

    def _fitting(self, sentence: str) -> list[EncodedSentence]:
        end = self.tokenizer.eos
        before, sentence, after = within_tags(sentence)
        if not says_something(sentence):
            return [EncodedSentence([end], ended=True, carried=f"{before}{sentence}{after}")]
        english = "en" not in self.languages
        calm = partial(truecased, tokenizer=self.tokenizer, english=english)
        text, ended, shouted = written_out(sentence, calm)
        if not self.tokenizer.cased:
            text = text.lower()
        if not (ended or self.tokenizer.knows(text[-1])):
            text = text[:-1]
        kept = Held(text, [])
        if self.stand_ins:
            kept = held(text, self.tokenizer, english=english)
        (ids,) = self.tokenizer.spell([kept.text])
        too_much = len(ids) >= LONGEST_SENTENCE or len(kept.spans) > len(STAND_INS)
        if too_much and len(sentence) > 1:
            first, second = cut(sentence)
            return [*self._fitting(before + first), *self._fitting(second + after)]
        return [EncodedSentence([*ids, end], ended, shouted, kept.spans, (before, after))]

    def decode(self, ids: list[list[int]], *, to: str, width: int) -> list[Sequence[Found]]:
        """What beam search makes of encoded sentences, best first; but after all others what says
        nothing, and after what carries every stand-in over once what doesn't.

        Like lengths are in one batch.
        """
        self.tokenizer.begin(to)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found: list[Sequence[Found]] = [[] for _ in ids]
        for start in range(0, len(order), BATCH):
            chunk = order[start : start + BATCH]
            batch = [ids[i] for i in chunk]
            longest = max(SHORTEST_LIMIT, 2 * max(map(len, batch)) + 10)
            searched = self.search_batch(batch, to=to, width=width, max_length=longest)
            for i, ranked in zip(chunk, searched, strict=True):
                found[i] = self._ranked(ids[i], ranked)
        return found

    def _ranked(self, ids: list[int], found: Sequence[Found]) -> list[Found]:
        source = self.tokenizer.decode(ids)

        def faults(one: Found) -> tuple[bool, int]:
            return says_nothing(one), astray(source, self.tokenizer.decode(one.tokens))

        return sorted(found, key=faults)

    def _joined(
        self,
        text: str,
        part: list[EncodedSentence],
        hypotheses: Sequence[Found],
        language: str,
    ) -> Translation:
        sources: list[str] = []
        words: list[str] = []
        texts = []
        looked: list[tuple[int, list[float]]] = []
        gains: list[float] = []
        for sentence, hypothesis in zip(part, hypotheses, strict=True):
            said = self._said(sentence, hypothesis, language)
            looked += [(len(sources), row) for row in said.rows]
            sources += said.sources
            words += said.words
            gains += said.gains
            texts += [said.text, sentence.lines or (" " if is_spaced(language) else "")]
        confidence = None
        if self.confidence is not None:
            each = [
                1.0
                if sentence.carried
                else self.confidence.expected(sentence.ids, hypothesis, language)
                for sentence, hypothesis in zip(part, hypotheses, strict=True)
            ]
            sizes = [len(sentence.ids) for sentence in part]
            confidence = sum(x * n for x, n in zip(each, sizes, strict=True)) / sum(sizes)
        log_probability = sum(h.log_probability for h in hypotheses)
        length = sum(len(h.tokens) for h in hypotheses)
        return Translation(
            source=text,
            text="".join(texts[:-1]),
            score=log_probability / length,
            source_tokens=sources,
            tokens=words,
            looked=looked,
            confidence=confidence,
            log_probabilities=gains,
        )

    def text(self, sentence: EncodedSentence, found: Found, language: str) -> str:
        """What is said in that language for a sentence of which search found that."""
        return self._said(sentence, found, language).text

    def _said(self, sentence: EncodedSentence, hypothesis: Found, language: str) -> _Said:
        """What is shown of a sentence: a stand-in that the model left out at the end, one that it
        repeats once.
        """
        if sentence.carried:
            looked = [] if hypothesis.weights is None else [[1.0, 0.0]]
            return _Said(
                sentence.carried, [sentence.carried, "</s>"], [sentence.carried], looked, [0.0]
            )
        source = self.tokenizer.words(sentence.ids)
        continental = language == "en" and not any(CJK.search(word) for word, _ in source)
        spans = [localised(each, language, continental=continental) for each in sentence.spans]
        if sentence.shouted:
            spans = [each if NO_LANGUAGE.search(each) else each.upper() for each in spans]

        def shown(word: str, spans: Sequence[str] = spans) -> str:
            word = word if sentence.ended else without_end(word)
            return restored(word.upper() if sentence.shouted else word, spans)

        (spoken,) = once([self.tokenizer.decode(hypothesis.tokens)])
        pieces = self.tokenizer.words(hypothesis.tokens)
        target = [
            (word, where)
            for word, (_, where) in zip(once([word for word, _ in pieces]), pieces, strict=True)
            if word != "</s>" and shown(word)
        ]
        rows: list[list[float]] = []
        if hypothesis.weights is not None:
            rows = _merged(hypothesis.weights, target, source).tolist()
        text, words = _BETWEEN.sub("", shown(spoken)), [shown(word) for word, _ in target]
        gains = [sum(hypothesis.log_probabilities[i] for i in where) for _, where in target]
        for symbol, span in zip(STAND_INS, spans, strict=False):
            if span and symbol not in spoken:
                text, words = f"{text} {span}".strip(), [*words, span]
                gains.append(0.0)
                if hypothesis.weights is not None:
                    rows.append([float(symbol in word) for word, _ in source])
        *sources, end = [word for word, _ in source]
        sources = [shown(word, sentence.spans) for word in sources]
        before, after = sentence.tags
        for told in filter(None, (sources, words)):
            told[0] = before + told[0]
            told[-1] += after
        return _Said(f"{before}{text}{after}", [*sources, end], words, rows, gains)


def says_nothing(found: Found) -> bool:
    """Whether it is the end alone.

    >>> from attention_core.search import Hypothesis
    >>> says_nothing(Hypothesis([2], [-0.1], score=-0.1, weights=None, finished=True))
    True
    """
    return len(found.tokens) < 2


class _Said(NamedTuple):
    text: str
    sources: list[str]
    words: list[str]
    rows: list[list[float]]  # a word's weights on the sources; none without attention
    gains: list[float]  # a word's log-probability


def _merged(
    weights: Any,
    target: list[tuple[str, list[int]]],
    source: list[tuple[str, list[int]]],
) -> NDArray[np.floating[Any]]:
    """Word alignment of a subword one: mean over a target word's pieces, sum over a source's."""
    weights = np.asarray(weights)
    columns = np.stack([weights[:, where].sum(1) for _, where in source], 1)
    rows = [columns[where].mean(0) for _, where in target]
    return np.stack(rows) if rows else columns[:0]

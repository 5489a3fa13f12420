"""Whole texts around a search of sentences: cut and encoded before it, told in words after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attention_core.tokenizer import Tokenizer
from attention_core.translation.confidence import DOUBTFUL, Confidence
from attention_core.translation.found import Found
from attention_core.translation.sentences import cut, sentences, without_end, written_out
from attention_core.translation.stand_ins import STAND_INS, Held, astray, held, once, restored

BATCH = 32
LONGEST_SENTENCE = 200  # tokens


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
    """A sentence's ids with the end token, whether its full stop is the author's own, and the
    text of its stand-ins.

    >>> EncodedSentence([5, 6, 2], ended=False).ids
    [5, 6, 2]
    """

    ids: list[int]
    ended: bool
    spans: Sequence[str] = ()


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

        A text of several sentences is translated sentence by sentence and joined; its k-th best
        joins the k-th best of each. A sentence without an end gets none in its translation.
        ``beam`` None is the checkpoint's own width. Nothing is too long: a sentence that the model
        can't take whole is cut, between clauses where it can be.

        Raises UserError for an unknown language or a text that ``encode`` refuses.
        """
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
        return [part for sentence in sentences(text) for part in self._fitting(sentence)]

    def _fitting(self, sentence: str) -> list[EncodedSentence]:
        text, ended = written_out(sentence)
        kept = Held(text, [])
        if self.stand_ins:  # of several languages into English, one may be German
            kept = held(text, self.tokenizer, names="en" not in self.languages)
        (ids,) = self.tokenizer.spell([kept.text])
        too_much = len(ids) >= LONGEST_SENTENCE or len(kept.spans) > len(STAND_INS)
        if too_much and len(sentence) > 1:
            return [part for half in cut(sentence) for part in self._fitting(half)]
        return [EncodedSentence([*ids, self.tokenizer.eos], ended, kept.spans)]

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
            longest = 2 * max(map(len, batch)) + 10
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
            said = self._said(sentence, hypothesis)
            looked += [(len(sources), row) for row in said.rows]
            sources += said.sources
            words += said.words
            gains += said.gains
            texts.append(said.text)
        confidence = None
        if self.confidence is not None:
            each = [
                self.confidence.expected(sentence.ids, hypothesis, language)
                for sentence, hypothesis in zip(part, hypotheses, strict=True)
            ]
            sizes = [len(sentence.ids) for sentence in part]
            confidence = sum(x * n for x, n in zip(each, sizes, strict=True)) / sum(sizes)
        log_probability = sum(h.log_probability for h in hypotheses)
        length = sum(len(h.tokens) for h in hypotheses)
        return Translation(
            source=text,
            text=("" if language == "zh" else " ").join(texts),
            score=log_probability / length,
            source_tokens=sources,
            tokens=words,
            looked=looked,
            confidence=confidence,
            log_probabilities=gains,
        )

    def text(self, sentence: EncodedSentence, found: Found) -> str:
        """What is said for a sentence of which search found that."""
        return self._said(sentence, found).text

    def _said(self, sentence: EncodedSentence, hypothesis: Found) -> _Said:
        """What is shown of a sentence: a stand-in that the model left out is put at the end, and one
        that it repeats is shown once.
        """

        def shown(word: str) -> str:
            return restored(word if sentence.ended else without_end(word), sentence.spans)

        source = self.tokenizer.words(sentence.ids)
        (spoken,) = once([self.tokenizer.decode(hypothesis.tokens)])
        told, places = zip(*self.tokenizer.words(hypothesis.tokens), strict=True)
        target = [
            (word, where)
            for word, where in zip(once(told), places, strict=True)
            if word != "</s>" and shown(word)
        ]
        rows: list[list[float]] = []
        if hypothesis.weights is not None:
            rows = _merged(hypothesis.weights, target, source).tolist()
        text, words = shown(spoken), [shown(word) for word, _ in target]
        gains = [sum(hypothesis.log_probabilities[i] for i in where) for _, where in target]
        for symbol, span in zip(STAND_INS, sentence.spans, strict=False):
            if symbol not in spoken:
                text, words = f"{text} {span}".strip(), [*words, span]
                gains.append(0.0)
                if hypothesis.weights is not None:
                    rows.append([float(symbol in word) for word, _ in source])
        return _Said(text, [shown(word) for word, _ in source], words, rows, gains)


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

"""Text to subword ids and back: one joint vocabulary for every language.

Byte-pair encoding (Sennrich et al. 2016, section 3.2, https://arxiv.org/abs/1508.07909) as
SentencePiece implements it (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226). What the
vocabulary lacks is spelled in UTF-8 bytes, so no text is ever unknown.
"""

from __future__ import annotations

import codecs
import copy
import functools
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sentencepiece

from attention_core.errors import UserError, nearest

PAD, UNK, EOS = 0, 1, 2

_INVISIBLE = {"Cc", "Cf", "Cs"}
_JOINERS = "\u200c\u200d"
_IDLE_JOINER = re.compile(
    r"(?<![\u0590-\u1fff\u2190-\U0010ffff])[\u200c\u200d]+|[\u200c\u200d]+(?!\S)"
)
_SPACE = "▁"
_BOUNDARY = "\x1f"  # of words, in text to learn from; clean text has none
_LANGUAGE = re.compile(r"<2(.+)>")
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_SENTENCES_TO_LEARN_FROM = 400_000


def clean(text: str) -> str:
    """`text` in Unicode form NFC, without control or invisible characters, whitespace squeezed.

    The joiners that hold an emoji together and spell Persian stay within a word. Unlike NFKC this
    leaves punctuation as it is written: full-width Chinese stays full-width.

    >>> clean("  Guten   Tag ，  你好 ")
    'Guten Tag ， 你好'
    """
    if not text.isprintable():
        text = _IDLE_JOINER.sub("", text)
        text = "".join(c for c in text if c.isspace() or c in _JOINERS or not _invisible(c))
    return " ".join(unicodedata.normalize("NFC", text).split())


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE


class Tokenizer:
    """A trained subword vocabulary: ids 0, 1, 2 are padding, unknown and end of sentence, then
    comes one symbol per target language ("<2de>"), the decoder's first token.

    Text can't forge a special id: "<2de>" in a sentence is spelled in ordinary pieces.

    >>> tokenizer = Tokenizer.train(["a cat", "a dog"] * 9, vocabulary=270, languages=["zh"])
    >>> tokenizer.decode(tokenizer.encode("a cat, 猫"))
    'a cat, 猫'
    """

    pad, unk, eos = PAD, UNK, EOS

    def __init__(self, processor: sentencepiece.SentencePieceProcessor) -> None:
        self._processor = processor
        self.size: int = processor.get_piece_size()
        self._begin: dict[str, int] = {}
        for index in range(self.size):
            match = _LANGUAGE.fullmatch(processor.id_to_piece(index))
            if match and processor.is_control(index):
                self._begin[match[1]] = index
        self.languages: tuple[str, ...] = tuple(self._begin)

    @classmethod
    def train(
        cls,
        sentences: Iterable[str],
        *,
        vocabulary: int,
        languages: Sequence[str],
        character_coverage: float = 0.9995,
        words: Callable[[str], Iterable[str]] | None = None,
    ) -> Tokenizer:
        """Learn `vocabulary` pieces, special ones included, from `sentences`; fewer where the text
        has no more.

        The same sentences in the same order give the same tokenizer. Of more than 400,000, a
        fixed random sample is used. Characters outside `character_coverage` are spelled in bytes.
        `words` cuts a sentence into parts that no piece spans, as Chinese has no spaces to do it;
        their concatenation is the sentence.

        Raises:
            UserError: no text, or a vocabulary too small for it.
        """
        cleaned = [text for text in map(clean, sentences) if text]
        if words is not None:
            cleaned = [_BOUNDARY.join(words(text)) for text in cleaned]
        least = EOS + 1 + len(languages)
        options = {
            "character_coverage": character_coverage,
            "control_symbols": [f"<2{language}>" for language in languages],
        }
        try:
            learnt = _learnt(cleaned, max(vocabulary, least), **options)
        except RuntimeError as error:
            if not (most := re.search(r"value <= (\d+)", str(error))):
                raise _training_error(str(error), vocabulary) from error
            learnt = _learnt(cleaned, int(most[1]), **options)
        return cls.from_bytes(learnt)

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read the file that `to_bytes` filled.

        Raises:
            UserError: there is no such file, or it is damaged.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"Can't read the tokenizer {path}: {error.strerror}.") from error
        try:
            return cls.from_bytes(data)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    @classmethod
    def from_bytes(cls, data: bytes) -> Tokenizer:
        """The tokenizer that `to_bytes` wrote down.

        Raises:
            UserError: `data` is damaged, or a SentencePiece model with other special ids.
        """
        processor = sentencepiece.SentencePieceProcessor()
        try:
            intact = bool(data) and processor.load_from_serialized_proto(data)
        except RuntimeError:
            intact = False
        if not intact:
            raise UserError("The tokenizer is damaged: it is no SentencePiece model.")
        ids = (processor.pad_id(), processor.unk_id(), processor.eos_id())
        if ids != (PAD, UNK, EOS):
            raise UserError(
                f"The tokenizer has other special ids: expected pad, unk, eos = "
                f"{(PAD, UNK, EOS)}, got {ids}. Train it with Tokenizer.train."
            )
        return cls(processor)

    def to_bytes(self) -> bytes:
        """The whole tokenizer, as a SentencePiece model file."""
        return bytes(self._processor.serialized_model_proto())

    def speaking(self, languages: Iterable[str]) -> Tokenizer:
        """The same vocabulary for some of its languages, of a model that learned only those.

        Raises:
            UserError: the tokenizer was not trained for one of them.

        >>> tokenizer = Tokenizer.train(["a cat"] * 9, vocabulary=270, languages=["de", "fr"])
        >>> tokenizer.speaking(["fr"]).languages
        ('fr',)
        """
        other = copy.copy(self)
        other._begin = {language: self.begin(language) for language in languages}
        other.languages = tuple(other._begin)
        return other

    def begin(self, language: str) -> int:
        """The id that starts a sentence in `language`.

        Raises:
            UserError: the tokenizer was not trained for `language`.
        """
        if language not in self._begin:
            raise UserError(f"Unknown language {language!r}.{nearest(language, self.languages)}")
        return self._begin[language]

    def encode(self, text: str) -> list[int]:
        """Ids of `clean(text)`, with no special ones.

        `decode` gives exactly that text back, save that "▁", SentencePiece's own mark, is read as
        a space.
        """
        return list(self._processor.encode(clean(text)))

    def spell(
        self, texts: Sequence[str], *, dropout: float = 0.0, seed: int = 0
    ) -> list[list[int]]:
        """Ids of texts that are clean already. Each merge is left out with the probability
        `dropout` (BPE-dropout, Provilkov et al. 2020, section 3,
        https://arxiv.org/abs/1910.13267), the same ones for the same `seed`.
        """
        if not dropout:
            return list(self._processor.encode(list(texts)))
        sentencepiece.set_random_generator_seed(seed)
        with ThreadPoolExecutor(1) as fresh:  # a new thread's generator begins at the seed
            sample = fresh.submit(
                self._processor.encode,
                list(texts),
                enable_sampling=True,
                alpha=dropout,
                num_threads=1,
            )
            return list(sample.result())

    def knows(self, character: str) -> bool:
        """Whether a character is in the vocabulary, rather than spelled in bytes."""
        return character.isspace() or self._processor.piece_to_id(character) != UNK

    @functools.cached_property
    def cased(self) -> bool:
        """Whether there are capitals in the vocabulary: text in small letters alone leaves none.

        >>> Tokenizer.train(["a cat", "a dog"] * 9, vocabulary=270, languages=["zh"]).cased
        False
        """
        written = (i for i in range(self.size) if not self._is_special(i))
        names = (self._processor.id_to_piece(i) for i in written if not self._processor.is_byte(i))
        return any(any(map(str.isupper, name)) for name in names)

    def decode(self, ids: Sequence[int]) -> str:
        """The text that `ids` spell; special ids say nothing."""
        return str(self._processor.decode([i for i in ids if not self._is_special(i)]))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's own name of each id, such as "▁dog", "<0xE4>" or "</s>"."""
        return [self._processor.id_to_piece(i) for i in ids]

    def words(self, ids: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Words to show a reader, each with the positions in `ids` that it is made of.

        Subwords are merged into words and bytes into characters; text in Chinese characters,
        which has no spaces, stays in its pieces. A final end of sentence is shown as "</s>",
        other special ids are left out.
        """
        words: list[tuple[str, list[int]]] = []
        joined = False
        for text, positions in self._characters(ids):
            cjk = bool(_CJK.search(text))
            fresh = text.startswith(_SPACE) or not joined or (cjk and bool(words[-1][0]))
            text = text.removeprefix(_SPACE)
            if fresh:
                words.append((text, positions))
            else:
                word, before = words[-1]
                words[-1] = (word + text, before + positions)
            joined = not cjk
        if ids and ids[-1] == EOS:
            words.append((self._processor.id_to_piece(EOS), [len(ids) - 1]))
        return words

    def _characters(self, ids: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
        """Each ordinary piece, and each character spelled in bytes, with its positions."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        pending: list[int] = []
        for position, index in enumerate(ids):
            is_byte = self._processor.is_byte(index)
            if not is_byte:
                broken = decoder.decode(b"", final=True)
                if pending:
                    yield broken, pending
                    pending = []
            if is_byte:
                pending.append(position)
                code = int(self._processor.id_to_piece(index)[1:-1], 16)
                if text := decoder.decode(bytes([code])):
                    yield text, pending
                    pending = []
            elif not self._is_special(index):
                yield self._processor.id_to_piece(index), [position]
        if pending:
            yield decoder.decode(b"", final=True), pending

    def _is_special(self, index: int) -> bool:
        processor = self._processor
        return bool(processor.is_control(index) or processor.is_unknown(index))


def _learnt(sentences: list[str], vocabulary: int, **options: Any) -> bytes:
    """A SentencePiece model; RuntimeError tells why there is none."""
    model = io.BytesIO()
    sentencepiece.set_random_generator_seed(0)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        pretokenization_delimiter=_BOUNDARY,
        pad_id=PAD,
        unk_id=UNK,
        eos_id=EOS,
        bos_id=-1,
        input_sentence_size=_SENTENCES_TO_LEARN_FROM,
        shuffle_input_sentence=True,
        num_threads=2,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def _training_error(message: str, vocabulary: int) -> UserError:
    """SentencePiece's own message, said so that one can act on it."""
    if "sentences_.empty()" in message:
        return UserError("There is no text to train a tokenizer on.")
    if match := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return UserError(
            f"A vocabulary of {vocabulary} is too small for this text: use at least {match[1]}, "
            "or a lower character coverage."
        )
    return UserError(f"The tokenizer can't be trained: {message}")

"""The joint tokenizer: exact round trips, special ids, words to show, clear errors."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
import sentencepiece

from attention_core.errors import UserError
from attention_core.tokenizer import Tokenizer, clean

SENTENCES = [
    "A dog runs on the beach.",
    "Ein Hund läuft über den Strand.",
    "Un chien court sur la plage.",
    "Příliš žluťoučký kůň.",
    "我不知道，你好！",
] * 3
LANGUAGES = ("zh", "de", "fr", "cs")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(SENTENCES, vocabulary=380, languages=LANGUAGES)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("e\u0301te\u0301", "été"),
        (" a \t b\n", "a b"),
        ("a \u200b b", "a b"),
        ("wo\u200drld\u200c", "world"),
        ("👩\u200d👧\u200d می\u200cروم", "👩\u200d👧 می\u200cروم"),  # that join something stay
        ("e\u200b\u0301", "é"),
        ("\ufeffOù est-il\u202f?", "Où est-il ?"),
        ("a\x00\x07b\ud800", "ab"),
        ("你好，世界。「ＯＫ」？！", "你好，世界。「ＯＫ」？！"),
        ("", ""),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        *SENTENCES[:5],
        "她说：“你好，世界？”——「好」。",
        "« Où est-il ? », dit-elle…",
        "„Größe“ 3,5 km",
        "never seen: 😀 Ж ﷽ 𠀀",
        "",
    ],
)
def test_decode_gives_the_text_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def random_texts(number: int) -> list[str]:
    rng = random.Random(0)
    highest = (0x7F, 0x250, 0xA000, 0x30000)
    return [
        "".join(chr(rng.randrange(rng.choice(highest))) for _ in range(rng.randrange(12)))
        for _ in range(number)
    ]


def test_any_text_comes_back_and_every_position_has_a_word(tokenizer: Tokenizer) -> None:
    for text in random_texts(2000):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == clean(text)
        words = tokenizer.words(ids)
        assert [p for _, positions in words for p in positions] == list(range(len(ids)))
        assert "".join(word for word, _ in words) == clean(text).replace(" ", "")


def test_special_ids(tokenizer: Tokenizer) -> None:
    assert (tokenizer.pad, tokenizer.unk, tokenizer.eos) == (0, 1, 2)
    assert [tokenizer.begin(language) for language in LANGUAGES] == [3, 4, 5, 6]
    assert tokenizer.pieces([0, 1, 2, 3]) == ["<pad>", "<unk>", "</s>", "<2zh>"]
    assert tokenizer.size == 380
    assert tokenizer.languages == LANGUAGES


def test_decode_skips_special_ids(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("A dog")
    assert tokenizer.decode([tokenizer.begin("de"), *ids, tokenizer.unk, 2, 0, 0]) == "A dog"


def test_text_cannot_forge_special_ids(tokenizer: Tokenizer) -> None:
    text = "<2de> </s> <unk> <pad> <0x41>"
    assert min(tokenizer.encode(text)) > tokenizer.begin("cs")
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_words_merge_subwords_and_keep_the_final_end(tokenizer: Tokenizer) -> None:
    ids = [*tokenizer.encode("žluťoučký dog."), tokenizer.eos]
    words = tokenizer.words(ids)
    assert [word for word, _ in words] == ["žluťoučký", "dog.", "</s>"]
    assert [p for _, positions in words for p in positions] == list(range(len(ids)))


def test_words_leave_out_other_special_ids(tokenizer: Tokenizer) -> None:
    ids = [tokenizer.begin("de"), *tokenizer.encode("dog"), tokenizer.pad]
    [(word, positions)] = tokenizer.words(ids)
    assert word == "dog"
    assert positions == list(range(1, len(ids) - 1))


def test_words_keep_chinese_pieces_apart() -> None:
    tokenizer = Tokenizer.train(["好 好 dog"] * 3, vocabulary=268, languages=["zh"])
    bytes_of_ni = ["<0xE4>", "<0xBD>", "<0xA0>"]
    ids = tokenizer.encode("你好好dog")
    assert tokenizer.pieces(ids) == ["▁", *bytes_of_ni, "好", "好", "dog"]
    assert tokenizer.words(ids) == [
        ("你", [0, 1, 2, 3]),
        ("好", [4]),
        ("好", [5]),
        ("dog", [6]),
    ]


def test_words_show_broken_bytes_as_one_mark(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("dog 😀")[:-1]
    assert [word for word, _ in tokenizer.words(ids)] == ["dog", "\ufffd"]
    assert [p for _, positions in tokenizer.words(ids) for p in positions] == list(range(len(ids)))


def test_broken_bytes_do_not_spoil_later_words(tokenizer: Tokenizer) -> None:
    first_bytes = [tokenizer.encode(c)[1] for c in "😀Ж"]
    ids = [*first_bytes, *tokenizer.encode("dog 😀")]
    assert [word for word, _ in tokenizer.words(ids)] == ["�", "dog", "😀"]
    assert [p for _, positions in tokenizer.words(ids) for p in positions] == list(range(len(ids)))


def test_training_is_deterministic(tokenizer: Tokenizer) -> None:
    again = Tokenizer.train(SENTENCES, vocabulary=380, languages=LANGUAGES)
    assert again.to_bytes() == tokenizer.to_bytes()


def test_training_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    Tokenizer.train(SENTENCES, vocabulary=380, languages=LANGUAGES)
    assert capfd.readouterr() == ("", "")


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(tokenizer.to_bytes())
    loaded = Tokenizer.load(path)
    assert loaded.languages == tokenizer.languages
    assert loaded.to_bytes() == tokenizer.to_bytes()
    assert loaded.encode(SENTENCES[0]) == tokenizer.encode(SENTENCES[0])


def test_unknown_language_suggests_the_nearest(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match=r"'dee'.*'de'"):
        tokenizer.begin("dee")


def test_a_text_with_fewer_pieces_has_fewer() -> None:
    found = Tokenizer.train(SENTENCES, vocabulary=9999, languages=LANGUAGES)
    assert 300 < found.size < 9999
    same = Tokenizer.train(SENTENCES, vocabulary=found.size, languages=LANGUAGES)
    assert [same.pieces([i]) for i in range(found.size)] == [
        found.pieces([i]) for i in range(found.size)
    ]


def test_no_piece_spans_two_words() -> None:
    text = ["一只狗在奔跑。"] * 9
    free = Tokenizer.train(text, vocabulary=400, languages=["zh"])
    assert free.pieces(free.encode(text[0])) == ["▁一只狗在奔跑", "。"]
    parts = ["一只", "狗", "在", "奔跑", "。"]
    cut = Tokenizer.train(text, vocabulary=400, languages=["zh"], words=lambda _: parts)
    assert cut.pieces(cut.encode(text[0])) == ["▁一只", *parts[1:]]
    assert cut.decode(cut.encode(text[0])) == text[0]


@pytest.mark.parametrize("vocabulary", [-1, 0, 5, 280])
def test_too_small_a_vocabulary_says_the_least(vocabulary: int) -> None:
    with pytest.raises(UserError, match=rf"of {vocabulary} is too small .* at least \d\d\d"):
        Tokenizer.train(SENTENCES, vocabulary=vocabulary, languages=LANGUAGES)


@pytest.mark.parametrize("sentences", [[], ["", " \u200b"]])
def test_no_text_to_train_on(sentences: list[str]) -> None:
    with pytest.raises(UserError, match="no text"):
        Tokenizer.train(sentences, vocabulary=300, languages=["de"])


@pytest.mark.parametrize("data", [b"", b"nonsense", bytes(1000)])
def test_damaged_file_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"tokenizer\.model.*damaged"):
        Tokenizer.load(path)


def test_truncated_model_is_damaged(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="damaged"):
        Tokenizer.from_bytes(tokenizer.to_bytes()[:-100])


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.model.*No such file"):
        Tokenizer.load(tmp_path / "none.model")


def test_foreign_model_is_refused() -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, vocab_size=50, minloglevel=2
    )
    with pytest.raises(UserError, match=r"expected .*\(0, 1, 2\), got \(-1, 0, 2\)"):
        Tokenizer.from_bytes(model.getvalue())

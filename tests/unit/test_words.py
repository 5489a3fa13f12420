"""Chinese pieces that are no word are retired from a vocabulary."""

from attention_core.tokenizer import Tokenizer
from scripts.words import retired

TEXT = ["一只狗在奔跑。", "a dog runs"] * 9


def test_phrases_are_cut_into_words_and_the_rest_stays():
    before = Tokenizer.train(TEXT, vocabulary=400, languages=["zh"])
    assert before.pieces(before.encode(TEXT[0])) == ["▁一只狗在奔跑", "。"]
    model, unused = retired(before.to_bytes(), {"一只", "奔跑"})
    after = Tokenizer.from_bytes(model)
    assert unused > 0 and after.size == before.size
    found = [piece.removeprefix("▁") for piece in after.pieces(after.encode(TEXT[0]))]
    assert "".join(found) == TEXT[0]
    assert all(len(piece) == 1 or piece in ("一只", "奔跑") for piece in found)
    assert after.decode(after.encode(TEXT[0])) == TEXT[0]
    for text in (TEXT[1], "é 猫"):  # what is spelled in bytes too
        assert after.encode(text) == before.encode(text)

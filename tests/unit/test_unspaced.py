"""BLEU of languages that have no spaces between words, as a score and as a reward."""

import pytest

from attention_core.tokenizer import Tokenizer
from attention_core.translation.evaluation import bleu
from attention_core.translation.reward import BleuReward

TOKENIZER = Tokenizer.train(["a cat"] * 9, vocabulary=270, languages=["ja"])


@pytest.mark.parametrize("language", ["zh", "zh_CN", "ja", "th"])
def test_a_language_without_spaces_is_compared_by_less_than_sentences(language):
    near, far = "犬が公園で走っている。", "猫が家で寝た。"
    assert bleu([near], ["犬が公園を走っている。"], language) > 30
    assert bleu([near], [far], language) < 30
    reward = BleuReward(TOKENIZER, [language])
    ids = [[*TOKENIZER.encode(text), TOKENIZER.eos] for text in (near, far)]
    (rewards,) = reward([ids], [[[*TOKENIZER.encode("犬が公園を走っている。"), TOKENIZER.eos]]])
    assert rewards[0] > 0.3 > rewards[1]

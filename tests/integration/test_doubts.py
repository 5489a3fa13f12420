"""How probable each word of a translation is."""

import pytest

from attention_core import Translator


@pytest.fixture(scope="module")
def translator():
    return Translator.load()


@pytest.mark.parametrize(("text", "to"), [("A dog runs on the beach.", "de"), ("Hello.", "zh")])
def test_the_words_and_the_end_are_as_probable_as_the_whole(translator, text, to):
    (best,) = translator.translate([text], to=to)
    (sentence,) = translator.encode(text)
    (ranked,) = translator.decode([sentence.ids], to=to, width=translator.search.beam)
    end = ranked[0].log_probabilities[-1]
    assert len(best.log_probabilities) == len(best.tokens)
    assert sum(best.log_probabilities) + end == pytest.approx(ranked[0].log_probability)
    assert max(best.log_probabilities) <= 0


def test_words_of_several_sentences_follow_each_other(translator):
    one, two, both = translator.translate(["Hello.", "Thank you.", "Hello. Thank you."], to="fr")
    expected = [*one.log_probabilities, *two.log_probabilities]
    assert both.log_probabilities == pytest.approx(expected, abs=1e-4)

"""Text in capitals: what keeps one."""

import re

import pytest

from attention_core.search import Hypothesis
from attention_core.tokenizer import Tokenizer
from attention_core.translation import TASK
from attention_core.translation.casing import truecased
from attention_core.translation.predictor import Translator
from attention_core.translation.text import TextTranslator


@pytest.mark.parametrize(
    "text",
    [
        "the train from Paris to Berlin leaves on Monday",
        "I'm English and she is from the United States",
        "my brother Henry likes coffee",
        "we will mark the page in red",
        "happy birthday, Emma and Noah",
    ],
)
def test_english_is_written_as_it_is_within_a_sentence(text: str) -> None:
    assert _again(text, english=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "der Zug nach München fährt am Montag",
        "mein Bruder Hans mag Kaffee und Kuchen",
        "nous habitons à Paris",
        "jsem z Prahy a pracuji v nemocnici",
    ],
)
def test_so_are_the_others(text: str) -> None:
    assert _again(text, english=False) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EMMA LIVES IN LONDON!", ["EMMA", "LONDON"]),
        ("WE ARE ON WWW.Example.ORG NOW", ["WWW.Example.ORG"]),
    ],
)
def test_a_translation_is_in_capitals_again_but_addresses(text: str, words: list[str]) -> None:
    found = Translator.load().translate([text], to="de")[0].text
    assert all(word in found for word in words)
    assert re.sub(r"www\S+", "", found, flags=re.IGNORECASE).isupper()


def _again(text: str, *, english: bool) -> str:
    translator = Translator.load(None if english else TASK.into_english)
    return re.sub(
        r"[^\W\d_]+",
        lambda word: truecased(word[0].upper(), translator.tokenizer, english=english),
        text,
    )


@pytest.mark.parametrize(
    ("learned", "read"),
    [
        (["a dog runs .", "the sun shines on it ."], "a dog runs on it ."),
        (["A dog runs .", "The sun shines on it ."], "A dog runs on it ."),
        (["a dog runs", "the sun shines on it"], "a dog runs on it"),
    ],
)
@pytest.mark.parametrize("text", ["a dog runs on it", "A dog runs on it", "A DOG RUNS ON IT"])
def test_text_is_read_as_what_was_learned_is_written(
    learned: list[str], read: str, text: str
) -> None:
    tokenizer = Tokenizer.train(learned * 9, vocabulary=290, languages=["de"])
    (sentence,) = Echo(tokenizer, beam=1).encode(text)
    assert tokenizer.decode(sentence.ids).replace("it.", "it .") == read


def test_a_translation_without_an_end_has_no_space_there() -> None:
    tokenizer = Tokenizer.train(["a dog runs ."] * 9, vocabulary=270, languages=["de"])
    (translation,) = Echo(tokenizer, beam=1).translate(["a dog runs"], to="de")
    assert translation.text == "a dog runs"


class Echo(TextTranslator):
    """Says what it hears, with a space before the end."""

    def search_batch(self, ids, *, to, width, max_length):
        said = [self.tokenizer.decode(each).replace(".", " .") for each in ids]
        found = [[*self.tokenizer.encode(text), self.tokenizer.eos] for text in said]
        return [[Hypothesis(x, [-1.0] * len(x), -1.0, None, finished=True)] for x in found]

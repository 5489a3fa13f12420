"""Text in capitals: what keeps one."""

import re

import pytest

from attention_core.translation import TASK
from attention_core.translation.casing import truecased
from attention_core.translation.predictor import Translator


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

"""Texts of a page in the reader's language."""

from types import SimpleNamespace

import pytest

from attention_core.wording import language_of, said, speaker

TABLE = {
    "Hello": "你好",
    "{} of {}": "{}/{}",
    "a (b) {}": "甲 {}",
    "the sentence": "句子",
}


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh", "zh"),
        ("ZH-tw", "zh"),
        ("en-US,zh;q=0.9", "en"),
        ("de;q=0.5", "de"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_first_language_that_is_asked_for(asked, language):
    headers = {} if asked is None else {"accept-language": asked}
    assert language_of(SimpleNamespace(headers=headers)) == language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "你好"),
        ("3 of 7", "3/7"),
        ("a (b) long", "甲 long"),
        ("a (b) ", "a (b) "),
        ("the sentence is", "the sentence is"),
        ("two\n3 of 7", "two\n3 of 7"),
    ],
)
def test_what_is_said(text, expected):
    assert said(text, TABLE) == expected


def test_another_language_hears_english():
    french = SimpleNamespace(headers={"accept-language": "fr"})
    assert speaker({"zh": TABLE}, french)("Hello") == "Hello"

"""Where a sentence ends, and where it only seems to."""

import pytest

from attention_core.translation.sentences import (
    sentences,
    within_tags,
    without_end,
    written_out,
)


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Lee is here.",
        "Prof. Müller ist da.",
        "Am 3. Oktober regnet es.",
        "Heute ist 3. Oktober.",
        "Ich wohne im 2. Stock.",
        "Es gibt z. B. Hunde.",
        "Bus No. 12 is here.",
        "It happened on Jan. 5.",
        "1. First do this.",
        "See http://a.b/Cc.Dd.",
        "U.S.A. is big.",
        "他说：“你好。”",
        "你好！！！",
        "« Bonjour ! »",
    ],
)
def test_one_sentence(text: str) -> None:
    assert [part.text for part in sentences(text)] == [text]


@pytest.mark.parametrize(
    "parts",
    [
        ["No.", "Thank you."],
        ["He paid 30.", "We left."],
        ["It was 5 p.m.", "He left."],
        ["Wait...", "What?"],
        ['"Hi."', "She left."],
        ["« Bonjour ! »", "Il part."],
    ],
)
def test_two_sentences(parts: list[str]) -> None:
    assert [part.text for part in sentences(" ".join(parts))] == parts


@pytest.mark.parametrize("text", ["Hello.|Goodbye.", "你好!|你好吗?", "“你好。”|我走了。"])
def test_ends_without_a_space(text: str) -> None:
    assert [part.text for part in sentences(text.replace("|", ""))] == text.split("|")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog runs\non the beach.\n\nA cat.", [("A dog runs on the beach.", 2), ("A cat.", 0)]),
        ("The end.\r\nthe next", [("The end.", 1), ("the next", 0)]),
        ("dogs\ncats", [("dogs", 1), ("cats", 0)]),
        ("A dog\nA cat", [("A dog", 1), ("A cat", 0)]),
    ],
)
def test_lines(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(part.text, len(part.lines)) for part in sentences(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        *("." * 9, "!)" * 9, "我很好。" * 9, "Hello.Goodbye." * 9, "a \n b" * 9),
        *("see no. 5. " * 9, "Some words here\nand more, " * 9),  # ends that are none
    ],
)
def test_long_texts_of_ends_come_to_their_end(text: str) -> None:
    """Which takes a pattern minutes that begins anew at each character of a run."""
    assert sentences(text * 9_000)


@pytest.mark.parametrize(
    ("text", "shouted"),
    [
        ("A DOG RUNS.", True),
        ("ÄRGER IST DA!", True),
        ("NASA", False),
        ("U.S.A.", False),
        ("A dog RUNS.", False),
        ("我在 IBM 工作。", False),
        ("1 2 3", False),
        ("GO TO example.org NOW", True),  # an address is as it is
    ],
)
def test_what_is_in_capitals(text: str, shouted: bool) -> None:
    assert written_out(text).shouted == shouted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("www.example.org is down", "www.example.org is down."),
        ("iPhone sales", "iPhone sales."),
        ("@anna is here", "@anna is here."),
        ("GO TO www.Example.org/Path", "Go to www.Example.org/Path."),
        ("là", "Là."),
    ],
)
def test_what_is_no_language_keeps_its_letters(text: str, expected: str) -> None:
    assert written_out(text).text == expected


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("<p> <b>It</b> rains.</p>", ("<p> <b>", "It</b> rains.", "</p>")),
        ("It <i>rains</i> </p>", ("", "It <i>rains", "</i> </p>")),
        ("<br/>", ("<br/>", "", "")),
        ("a < b > c", ("", "a < b > c", "")),
        ("<b> </b>", ("<b> </b>", "", "")),
        ("<b>x" * 20_000, ("<b>", "x" + "<b>x" * 19_999, "")),
    ],
)
def test_tags_around_a_sentence(sentence: str, parts: tuple[str, str, str]) -> None:
    assert within_tags(sentence) == parts


@pytest.mark.parametrize(
    ("text", "cut_into"),
    [
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
        ("كيف حالك؟ أنا بخير.", ["كيف حالك؟", "أنا بخير."]),
    ],
)
def test_sentences_end_as_their_script_ends_them(text: str, cut_into: list[str]) -> None:
    assert [sentence for sentence, _ in sentences(text)] == cut_into


@pytest.mark.parametrize("text", ["Es regnet.", "Es regnet .", "वह गया।", "下雨了。", "कुत्ता"])
def test_the_end_of_a_translation_is_taken_off_in_any_script(text: str) -> None:
    assert without_end(text) == text.rstrip(".।。 ")


def test_georgian_sentences_begin_with_no_capital() -> None:
    assert written_out("ძაღლი დარბის").text == "ძაღლი დარბის."

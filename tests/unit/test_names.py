"""Names of people: where they are told, and how each language writes them."""

import re

import pytest

from attention_core.translation import names


def told(sentence: str, *, english: bool = True) -> list[str]:
    return [sentence[start:end] for start, end in names.in_latin(sentence, english=english)]


def test_the_table_is_well_formed() -> None:
    for name, row in names.table().items():
        assert re.fullmatch(r"[A-ZÀ-Ž][A-Za-zÀ-ž]+", name), name
        assert row.kind in ("f", "m", "either", "family"), name
        assert all(re.fullmatch(r"[一-鿿]+", written) for written in row.chinese), name
        assert set(row.notes) <= set("wpz"), name


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Emma went home.", ["Emma"]),
        ("Emma's dog bit Oliver.", ["Emma", "Oliver"]),
        ("Hans saw James.", ["Hans", "James"]),  # the end is no genitive
        ("EMMA went home.", []),
        ("Tom saw Mary.", []),  # which every model knows
        ("Emmanuelson saw it.", []),
        ("I saw Mark.", ["Mark"]),
        ("Mark the page.", []),
        ("Mark is here.", ["Mark"]),
        ("Mark's car is here.", ["Mark"]),
        ("Will you come? I said.", []),
        ("In April it rains.", []),
        ("April is cold.", []),
        ("April Smith is here.", ["April", "Smith"]),
        ("The Baker came.", []),
        ("Mr. Baker came.", ["Baker"]),
        ("Don't go.", []),
        ("The Romans built roads in Jeans.", []),
        ("He was tired. Will you drive?", []),
        ('"Will you come?" he asked.', []),
        ("In April, Brown leaves fall.", []),
        ("Hope is a good thing.", []),
        ("I was in San Francisco and St. Louis.", []),
        ("McDonald came.", ["McDonald"]),
        ("Emma McDonald came.", ["Emma", "McDonald"]),
    ],
)
def test_names_in_english(sentence: str, expected: list[str]) -> None:
    assert told(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Emma ist nach Hause gegangen.", ["Emma"]),
        ("Das ist Emmas Hund.", ["Emma"]),
        ("Das ist Hans Fischer.", ["Hans", "Fischer"]),
        ("Dans la maison.", []),
        ("Ich trage Jeans.", []),
        ("Der Müller mahlt das Korn.", []),
        ("Herr Müller ist da.", ["Müller"]),
        ("Die Rose blüht.", []),
        ("Emma est rentrée.", ["Emma"]),
        ("Pan Novák je doma.", ["Novák"]),
    ],
)
def test_names_in_other_languages(sentence: str, expected: list[str]) -> None:
    assert told(sentence, english=False) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("艾玛回家了。", ["艾玛"]),
        ("艾玛和大卫是朋友。", ["艾玛", "大卫"]),
        ("艾玛·史密斯来了。", ["艾玛·史密斯"]),
        ("他在俄罗斯。", []),
        ("我到达伦敦了。", []),
        ("汤姆爱玛丽。", []),
        ("我住在英格兰。", []),
        ("圣彼得堡很冷。", []),
        ("感谢艾玛。", ["艾玛"]),
        ("艾玛拉小提琴。", ["艾玛"]),
    ],
)
def test_names_in_chinese(sentence: str, expected: list[str]) -> None:
    assert [sentence[a:b] for a, b in names.in_chinese_text(sentence)] == expected


def test_every_language_writes_them_its_way() -> None:
    assert names.in_chinese("Emma, Anna-Laura 12") == "艾玛, 安娜·劳拉 12"
    assert names.in_chinese("Emma Ouagadougou") == "Emma Ouagadougou"
    assert names.in_english("艾玛 😀") == "Emma 😀"
    assert names.is_womans("Emma Smith") and not names.is_womans("Peter")

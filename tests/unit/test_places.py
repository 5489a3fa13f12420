"""Places: where they are told, and what English calls them."""

import re

import pytest

from attention_core.tokenizer import Tokenizer
from attention_core.translation import TASK, places
from attention_core.translation.predictor import Translator
from attention_core.translation.stand_ins import held, localised

TOKENIZER = Tokenizer.train(["I live in Linz."] * 9, vocabulary=280, languages=["en"])


def test_the_table_is_well_formed() -> None:
    rows = [line.split("\t") for line in places.TABLE.read_text("utf-8").splitlines()]
    assert {len(row) for row in rows} == {6} and len(rows) > 250
    assert {row[1] for row in rows} == {"country", "place"}
    assert len({row[0] for row in rows}) == len(rows)
    for _, _, chinese, *others in rows:
        assert re.fullmatch(r"[一-鿿|]*", chinese), chinese
        assert not any(form != form.strip() for column in others for form in column.split("|"))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Oliver habite en Autriche.", ["Autriche"]),
        ("Wir fliegen nach Neuseeland.", ["Neuseeland"]),
        ("Byl jsem v Dublinu a ve Vídni.", ["Dublinu", "Vídni"]),
        ("Die Wiener essen Kuchen.", []),
        ("Der Texas-Film läuft.", []),
        ("Je viens des Pays-Bas.", []),  # English has an article, and the model says it
    ],
)
def test_places_in_latin_letters(sentence: str, expected: list[str]) -> None:
    assert [sentence[a:b] for a, b in places.in_latin(sentence)] == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("我住在旧金山。", ["旧金山"]),
        ("他来自葡萄牙。", ["葡萄牙"]),
        ("奥地利和瑞士很美。", ["奥地利"]),
        ("我喜欢法国菜。", []),
        ("他是法国人。", []),
        ("他会说上海话。", []),
    ],
)
def test_places_in_chinese(sentence: str, expected: list[str]) -> None:
    assert [sentence[a:b] for a, b in places.in_chinese(sentence)] == expected


def test_they_are_held_on_the_way_into_english_alone() -> None:
    assert held("I live in Linz.", TOKENIZER).spans == ["Linz"]
    assert held("I live in Linz.", TOKENIZER, english=True).spans == []
    assert localised("Vídni", "en") == "Vienna"
    assert localised("Salzburg", "de") == "Salzburg"
    assert localised("", "en") == ""


@pytest.mark.parametrize(
    ("sentence", "place"),
    [
        ("Oliver habite en Autriche.", "Austria"),
        ("Oliver bydlí v Rakousku.", "Austria"),
        ("Emma žije ve Vídni.", "Vienna"),
        ("我住在旧金山。", "San Francisco"),
    ],
)
def test_places_come_out_in_english(sentence: str, place: str) -> None:
    (found,) = Translator.load(TASK.into_english).translate([sentence], to="en")
    assert place in found.text

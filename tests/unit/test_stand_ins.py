"""Stand-ins: learnt from what is the same on both sides, and given back what they stand for."""

import numpy as np
import pytest

from attention_core.search import Hypothesis
from attention_core.tokenizer import Tokenizer
from attention_core.translation import TASK
from attention_core.translation.corpora import Pair
from attention_core.translation.predictor import Translator
from attention_core.translation.stand_ins import (
    NUMBERS,
    OTHERS,
    STAND_INS,
    WOMEN,
    astray,
    held,
    localised,
    once,
    replaced,
    restored,
)

TOKENIZER = Tokenizer.train(
    ["I love you and me, Tom. See <a> = b@c 12 x < y."] * 9, vocabulary=320, languages=["de"]
)


def drawn(pair: Pair, times: int = 200) -> list[Pair]:
    generator = np.random.default_rng(3)
    return [replaced(pair, generator) for _ in range(times)]


def test_both_sides_have_the_same_stand_ins() -> None:
    for source, target, _ in drawn(Pair("Tom saw 12 dogs.", "Tom sah 12 Hunde.", "de")):
        found = [c for c in source if c in STAND_INS]
        assert found == [c for c in target if c in STAND_INS]
        assert len(set(found)) == len(found) >= 1


def test_every_stand_in_is_learnt_in_every_place() -> None:
    for name, symbols in (("Tom", OTHERS), ("Mary", WOMEN), ("12", NUMBERS)):
        seen = {p.source[0] for p in drawn(Pair(f"{name} runs.", f"{name} rennt.", "de"))}
        assert seen == {*symbols, name[0]}
    alone = [p for p in drawn(Pair("Hello.", "Hallo.", "de")) if p.source != "Hello."]
    assert 5 <= len(alone) <= 40  # about a tenth
    assert all(p.source[-1] == p.target[-1] in STAND_INS for p in alone)


@pytest.mark.parametrize(
    "pair",
    [
        Pair("Anna came.", "Annabell kam.", "de"),  # part of another word
        Pair("Tom and Tom.", "Tom und Tom.", "de"),  # which is which?
        Pair("In it.", "In ihm.", "de"),  # too short to be a name
        Pair("tennis?", "tennis?", "de"),  # no name
    ],
)
def test_what_is_no_name_stays(pair: Pair) -> None:
    assert all(p == pair or p.source == f"{pair.source} {p.source[-1]}" for p in drawn(pair))


def test_a_name_beside_chinese() -> None:
    assert "汤姆\x01" in {
        p.target.replace(c, "\x01")
        for p in drawn(Pair("Tom has an iPod and NASA.", "汤姆NASA", "zh"))
        for c in STAND_INS
    }


@pytest.mark.parametrize(
    ("text", "expected", "spans"),
    [
        ("I love you.", "I love you.", []),
        ("I love 😀.", "I love \x01.", ["😀"]),
        ("I love 👩‍👩‍👧, Tom.", "I love \x01, Tom.", ["👩‍👩‍👧"]),
        ("I love مرحبا بالعالم!", "I love \x01", ["مرحبا بالعالم!"]),
        ("See «Привет», Tom.", "See \x01, Tom.", ["«Привет»"]),
        ("See b@c.de, me.", "See \x01, me.", ["b@c.de"]),
        ("<a>See</a> me.", "\x01 See \x02 me.", ["<a>", "</a>"]),
        ("See <a>me</a>.", "See \x01 me \x02.", ["<a>", "</a>"]),
        ("See <a>me</a><b>you</b>", "See \x01 me \x02 you \x03", ["<a>", "</a><b>", "</b>"]),
        ("<a>猫</a> me.", "\x01 me.", ["<a>猫</a>"]),
        ("I 猫love狗.", "I \x01love\x02.", ["猫", "狗"]),
        ("x < y.", "x < y.", []),
    ],
)
def test_what_is_held(text: str, expected: str, spans: list[str]) -> None:
    found = held(text, TOKENIZER)
    assert (found.text, found.spans) == (expected, spans)
    assert restored(*found) == text


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("I see 1987.", ["1987"]),
        ("I see 12, me.", []),  # a model can learn these
        ("See 10:30 me.", []),  # a time
        ("See 2017-05 me, 1.1.10.", ["2017-05", "1.1.10"]),
        ("See me, -1, see you.", ["-1"]),
        ("See Ouagadougou.", ["Ouagadougou"]),
        ("Ouagadougou, see me.", []),  # any word has a capital there
        ("See Tom.", []),  # not rare
    ],
)
def test_long_numbers_and_rare_names_are_held(text: str, spans: list[str]) -> None:
    tokenizer = Tokenizer.train(
        ["I see me, Tom. See Over, you gad. 12 10:300 3.141 1,000 2017-05 1987"] * 9,
        vocabulary=310,
        languages=["de"],
    )
    found = [list(filter(None, held(text, tokenizer, english=x).spans)) for x in (True, False)]
    assert found == [spans, [span for span in spans if not span.isalpha()]]


@pytest.mark.parametrize("english", [True, False])
def test_numbers_with_one_mark_are_held(english: bool) -> None:
    found = held("I see 1,000 and 3.141.", Translator.load().tokenizer, english=english)
    assert list(filter(None, found.spans)) == ["1,000", "3.141"]


@pytest.mark.parametrize(
    ("number", "english"),
    [
        ("1.500", "1,500"),
        ("1 300 000", "1,300,000"),
        ("3,50", "3.50"),
        ("1.234,56€", "1,234.56€"),
        ("-2,5", "-2.5"),
        ("12.05.1990", "12.05.1990"),  # a date
        ("3.5", "3.5"),  # a version, or a day
        ("250", "250"),
    ],
)
def test_numbers_of_the_continent_in_english(number: str, english: str) -> None:
    tokenizer = Translator.load(TASK.into_english).tokenizer
    assert list(filter(None, held(f"Es sind {number} da.", tokenizer).spans)) == [number]
    assert localised(number, "en", continental=True) == english


def test_numbers_in_a_translation_into_english() -> None:
    translator = Translator.load(TASK.into_english)
    for text, number in [("Das kostet 1.500,50 Euro.", "1,500.50"), ("我有1,500本书。", "1,500")]:
        assert number in translator.translate([text], to="en")[0].text


@pytest.mark.parametrize("text", ["I see an iPhone here.", "iPhone, see me."])
def test_names_with_a_capital_within_are_held(text: str) -> None:
    tokenizer = Translator.load().tokenizer
    assert held(text, tokenizer, english=True).spans == ["iPhone"]
    assert held("Übergröße, là, Žižkov", tokenizer).spans == []


def test_latin_words_among_chinese_ones_are_held() -> None:
    tokenizer = Translator.load(TASK.into_english).tokenizer
    assert held("我在Google工作。", tokenizer).spans == ["Google"]
    assert held("我在家。", tokenizer).spans == []


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("See (https://b.c/d?e=f) me.", ["https://b.c/d?e=f"]),
        ("See:HTTPS://b.c.", ["HTTPS://b.c"]),
        ("See /you/me/b.c me.", ["/you/me/b.c"]),
        ("See you.com, me.", ["you.com"]),
        ("I love <!-- you --> me &amp; you.", ["<!-- you -->", "&amp;"]),
        ("I and/or you.", []),
    ],
)
def test_addresses_wherever_they_are(text: str, spans: list[str]) -> None:
    assert held(text, Translator.load().tokenizer).spans == spans


def test_a_rare_name_that_the_phrase_book_has_is_not_held() -> None:
    tokenizer = Translator.load().tokenizer
    assert held("I am from the Czech Republic.", tokenizer, english=True).spans == []
    assert held("I know Ontario.", tokenizer, english=True).spans == ["Ontario"]
    assert held("I know Lake Ontario.", tokenizer, english=True).spans == []
    assert held("UNESCO is here.", tokenizer, english=True).spans == ["UNESCO"]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("Emma runs.", "Emma rennt.", "\x08 rennt."),
        ("Peter's dog runs.", "Peters Hund rennt.", "\x01s Hund rennt."),
        ("Peter runs.", "彼得在跑。", "\x01在跑。"),
        ("彼得在跑。", "Peter runs.", "\x01 runs."),
    ],
)
def test_a_name_however_it_is_written(source: str, target: str, expected: str) -> None:
    assert expected in {
        p.target.translate({ord(c): "\x08" if c in WOMEN else "\x01" for c in STAND_INS})
        for p in drawn(Pair(source, target, "de"))
    }


def test_women_have_stand_ins_of_their_own() -> None:
    found = held("Emma and Peter and 😀 and Laura.", TOKENIZER, english=True)
    assert found.text == "\x06 and \x01 and \x02 and \x07."
    assert found.spans == ["Peter", "😀", "", "", "", "Emma", "Laura"]
    assert restored(*found) == "Emma and Peter and 😀 and Laura."


@pytest.mark.parametrize("language", ["de", "fr", "cs", "zh"])
def test_people_keep_their_names(language: str) -> None:
    people = [
        "Emma",
        "Oliver",
        "Sarah",
        "Kevin",
        "Laura",
        "Noah",
        "Julia",
        "Hans",
        "Pierre",
        "Petr",
    ]
    texts = [f"{name} went home." for name in people] + [f"I saw {name}." for name in people]
    for name, found in zip(
        people * 2, Translator.load().translate(texts, to=language), strict=True
    ):
        assert localised(name, language) in found.text
        assert language != "zh" or " " not in found.text


def test_names_are_told_into_english_too() -> None:
    texts = ["Emma ist zu Hause.", "Emma est à la maison.", "Emma je doma.", "艾玛在家。"]
    for found in Translator.load(TASK.into_english).translate(texts, to="en"):
        assert found.text.startswith("Emma ")


def test_names_side_by_side_are_one() -> None:
    assert held("I love Emma Smith.", TOKENIZER, english=True).spans[-1] == "Emma Smith"
    assert localised("Emma Smith", "zh") == "艾玛·史密斯"
    assert localised("艾玛·史密斯", "en") == "Emma Smith"


def test_more_spans_than_stand_ins_are_told() -> None:
    text = " and ".join("αβγδεζηθικλμνξ")
    found = held(text, TOKENIZER)
    assert len(found.spans) == 14
    assert found.text.endswith("\x11 and ν and ξ")


def test_numbers_have_stand_ins_of_their_own() -> None:
    found = held("Tom and 1,000 and 2,000 and 😀.", TOKENIZER, english=True)
    assert found.text == "Tom and \x0e and \x0f and \x01."
    assert restored(*found) == "Tom and 1,000 and 2,000 and 😀."


def test_a_stand_in_for_nothing_says_nothing() -> None:
    assert restored("a \x05b", ["x"]) == "a b"


def test_stand_ins_are_one_piece_each() -> None:
    (ids,) = TOKENIZER.spell([f"I {STAND_INS[0]}, {STAND_INS[7]}."])
    assert [p for p in TOKENIZER.pieces(ids) if p.startswith("<0x")] == ["<0x01>", "<0x08>"]
    assert TOKENIZER.decode(ids) == f"I {STAND_INS[0]}, {STAND_INS[7]}."


def test_bpe_dropout_is_told_by_its_seed() -> None:
    texts = ["I love you and me."] * 20
    plain = TOKENIZER.spell(texts)
    once, again = (TOKENIZER.spell(texts, dropout=0.3, seed=5) for _ in range(2))
    other = TOKENIZER.spell(texts, dropout=0.3, seed=6)
    assert once == again != other
    assert sum(map(len, once)) > sum(map(len, plain))
    assert {TOKENIZER.decode(ids) for ids in once} == {texts[0]}


@pytest.mark.parametrize(("character", "known"), [("T", True), (" ", True), ("猫", False)])
def test_what_the_vocabulary_knows(character: str, known: bool) -> None:
    assert TOKENIZER.knows(character) is known


def test_a_repeated_stand_in_is_shown_once() -> None:
    assert once(["Ich sah \x01 \x01 und \x02."]) == ["Ich sah \x01 und \x02."]
    assert once(["\x01", "\x01.", "x"]) == ["\x01", ".", "x"]


def test_stand_ins_astray_are_counted() -> None:
    assert astray("\x01 saw \x02.", "\x02 sah \x01.") == 0
    assert astray("\x01 saw \x02.", "\x02 \x02 sah.") == 2
    assert astray("I saw.", "Ich \x03 sah.") == 1


def test_what_carries_everything_over_once_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    translator = Translator.load()
    said = ["Ich sah \x01 \x01.", "", "Ich sehe \x01.", "Ich sah Tom."]
    ranked = [
        Hypothesis(
            [*(translator.tokenizer.spell([text])[0] if text else []), 2], [], 0.0, None, True
        )
        for text in said
    ]
    monkeypatch.setattr(translator, "search_batch", lambda *_, **__: [ranked])
    (found,) = translator.decode(translator.tokenizer.spell(["I saw \x01."]), to="de", width=4)
    assert [translator.tokenizer.decode(one.tokens) for one in found] == [
        "Ich sehe \x01.",
        "Ich sah \x01 \x01.",
        "Ich sah Tom.",
        "",
    ]


@pytest.mark.parametrize("language", ["fr", "cs"])
def test_tags_stay_around_their_word(language: str) -> None:
    (found,) = Translator.load().translate(["<p>The dog is <i>big</i>.</p>"], to=language)
    assert found.tokens[0].startswith("<p>")
    assert found.tokens[-3] == "<i>" and found.tokens[-1] == "</i>.</p>"
    assert found.text.endswith(f"<i>{found.tokens[-2]}</i>.</p>")


@pytest.mark.parametrize("text", ["...", "😀", "<br>", "—", "<p>!</p>"])
def test_what_has_no_word_stays_as_it_is(text: str) -> None:
    (found,) = Translator.load().translate([text], to="fr")
    assert (found.text, found.tokens, found.doubtful) == (text, [text], False)
    assert found.alignment == [[1.0, 0.0]]


def test_line_breaks_and_capitals_stay() -> None:
    (found,) = Translator.load().translate(["A dog runs\non the beach.\n\nA DOG RUNS."], to="de")
    first, second = found.text.split("\n\n")
    assert "\n" not in first and second.isupper()
    assert found.source_tokens[-4:] == ["A", "DOG", "RUNS.", "</s>"]


@pytest.mark.parametrize(
    ("span", "language", "expected"),
    [
        ("$1,200", "fr", "1\u202f200\u00a0$"),
        ("-£3.50", "de", "-3,50\u00a0£"),
        ("€50", "cs", "50\u00a0€"),
        ("$50", "zh", "$50"),
        ("1,200€", "de", "1.200€"),
    ],
)
def test_money_is_written_as_the_language_does(span: str, language: str, expected: str) -> None:
    assert localised(span, language) == expected


@pytest.mark.parametrize("span", ["https://b.c/1,000", "1,00", "12:30", "1.000", "😀 1,000"])
def test_what_is_no_english_number_keeps_its_marks(span: str) -> None:
    assert localised(span, "de") == span


@pytest.mark.parametrize(
    "span", ["https://example.org/Emma", "/home/Emma/x", "@Emma", "https://x.org/艾玛"]
)
def test_a_name_in_an_address_stays_as_it_is(span: str) -> None:
    assert localised(span, "zh") == localised(span, "en") == span


@pytest.mark.parametrize("language", ["cs", "de", "fr", "zh"])
def test_chinese_in_an_english_sentence_is_carried_over(language: str) -> None:
    (found,) = Translator.load().translate(["My friend 王明 lives here."], to=language)
    assert found.text.count("王明") == 1


def test_numbers_are_written_as_the_language_does() -> None:
    translator = Translator.load()
    for language, expected in [("de", "1.234,56"), ("zh", "1,234.56")]:
        (found,) = translator.translate(["I have 1,234.56 dollars."], to=language)
        assert expected in found.text

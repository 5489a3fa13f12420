"""Which sentences a translation model is scored on."""

from pathlib import Path
from types import SimpleNamespace

from attention_core import checkpoint
from attention_core.translation import predictor
from attention_core.translation.evaluation import evaluate
from attention_core.translation.evaluation import test_sets as sets_of  # pytest would take it


def test_sets_are_named_by_corpus_part_and_direction(data):
    assert list(sets_of(data, "test", ["de", "zh"])) == [
        "multi30k test_2016_flickr en-de",
        "multi30k test_2017_flickr en-de",
        "tatoeba test en-de",
        "names test en-de",
        "tatoeba test en-zh",
        "names test en-zh",
    ]
    back = sets_of(data, "val", ["zh", "de"], into_english=True)
    assert list(back) == ["tatoeba val zh-en", "multi30k val de-en", "tatoeba val de-en"]


def test_czech_which_tatoeba_lacks_is_tested_by_the_phrase_book(tmp_path):
    (tmp_path / "multi30k").mkdir()
    for name in ("val", "test_2016_flickr"):
        for language, text in (("en", "A dog."), ("cs", "Pes.")):
            (tmp_path / "multi30k" / f"{name}.{language}").write_text(text)
    val = sets_of(tmp_path, "val", ["cs"])
    assert list(val) == ["multi30k val en-cs", "phrases val en-cs"]
    tests = sets_of(tmp_path, "test", ["cs"], into_english=True)
    assert list(tests) == [
        "multi30k test_2016_flickr cs-en",
        "phrases test cs-en",
        "names test cs-en",
    ]


def test_into_english_the_same_sentences_are_turned_round(data):
    there = sets_of(data, "val", ["de"])["multi30k val en-de"]
    back = sets_of(data, "val", ["de"], into_english=True)["multi30k val de-en"]
    assert [(pair.target, pair.source) for pair in there] == [pair[:2] for pair in back]
    assert {pair.language for pair in back} == {"en"}


def test_a_model_into_english_is_scored_out_of_its_languages(data, monkeypatch):
    class Knows:
        languages = ("en",)

        def translate(self, texts, to, beam):
            right = {pair.source: pair.target for pairs in known.values() for pair in pairs}
            return [SimpleNamespace(text=right[text]) for text in texts]

    known = sets_of(data, "test", ["de"], into_english=True)
    config = {"data": {"languages": ["de"], "into_english": True}}
    monkeypatch.setattr(checkpoint, "read", lambda path: SimpleNamespace(config=config))
    monkeypatch.setattr(predictor.Translator, "load", lambda path: Knows())
    report = evaluate(Path("best"), "test", data, None)
    assert list(report) == list(known)
    assert {scores["bleu"] for scores in report.values()} == {100.0}

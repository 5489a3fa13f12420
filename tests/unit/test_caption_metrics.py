"""Caption metrics against values worked out by hand."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from attention_core.errors import UserError
from captioner import metrics
from captioner.evaluation import richness
from captioner.metrics import approximate_ptb, coco_metrics, ptb, quick_metrics

java = pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
REFERENCES = {
    "a": ["A dog runs on the beach .", "A brown dog is running ."],
    "b": ["Two men play football outside ."],
}
SAME = {id: texts[0] for id, texts in REFERENCES.items()}


def test_same_words_score_full_points() -> None:
    references = {id: texts[:1] for id, texts in REFERENCES.items()}
    scores = coco_metrics(
        references, {id: SAME[id].lower().rstrip(" .") for id in SAME}, java=False
    )
    assert scores.pop("approximate") == 1
    # CIDEr is ten times a mean of cosines, all of them 1
    assert scores == pytest.approx(
        {"BLEU-1": 100, "BLEU-2": 100, "BLEU-3": 100, "BLEU-4": 100, "ROUGE_L": 100, "CIDEr": 1000}
    )


def test_other_words_score_nothing() -> None:
    scores = coco_metrics(REFERENCES, dict.fromkeys(REFERENCES, "seven red cars"), java=False)
    assert scores == pytest.approx(dict.fromkeys(scores, 0) | {"approximate": 1}, abs=1e-3)


def test_by_hand() -> None:
    scores = coco_metrics({"x": ["a dog sleeps"]}, {"x": "A dog runs."}, java=False)
    assert scores["BLEU-1"] == pytest.approx(100 * 2 / 3)
    assert scores["BLEU-2"] == pytest.approx(100 * math.sqrt(2 / 3 * 1 / 2))
    assert scores["ROUGE_L"] == pytest.approx(100 * 2 / 3)
    # two of four words: precision 1, recall 1/2, and BLEU's penalty exp(1 - 4/2)
    scores = coco_metrics({"x": ["a dog sleeps here"]}, {"x": "a dog"}, java=False)
    assert scores["BLEU-1"] == pytest.approx(100 * math.exp(-1))
    assert scores["ROUGE_L"] == pytest.approx(100 * (1 + 1.44) * 0.5 / (0.5 + 1.44))


def test_cider_by_hand() -> None:
    """Only "dog" and "cat" tell the pictures apart; "a" is in both and weighs log(2/2) = 0."""
    references = {"x": ["a dog"], "y": ["a cat"]}
    scores = coco_metrics(references, {"x": "a dog", "y": "a bird"}, java=False)
    # x: cosine 1 for 1- and 2-grams, none for 3 and 4; y: nothing; the mean over both
    assert scores["CIDEr"] == pytest.approx(100 * 10 * (2 / 4) / 2)


def test_quick_metrics_are_those_of_the_whole() -> None:
    hypotheses = {"a": "a dog runs on sand", "b": "two men play outside"}
    whole = coco_metrics(REFERENCES, hypotheses, java=False)
    assert quick_metrics(REFERENCES, hypotheses) == {k: whole[k] for k in ("BLEU-4", "CIDEr")}


def test_order_of_the_pictures_does_not_matter() -> None:
    backwards = dict(reversed(SAME.items()))
    assert coco_metrics(REFERENCES, backwards, java=False) == coco_metrics(
        REFERENCES, SAME, java=False
    )


def test_chinese_is_measured_by_character() -> None:
    scores = coco_metrics({"x": ["一只狗在跑。"]}, {"x": "一只猫在跑"}, java=False)
    assert scores["BLEU-1"] == pytest.approx(80)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A person's dog doesn't run.", "a person 's dog does n't run"),
        ("Wait ... 3,000 T-shirts -- at 50% (new)!", "wait 3,000 t-shirts at 50 % -lrb- new -rrb-"),
        ('The "big" U.S. flag; we cannot see it', "the big u.s. flag we can not see it"),
        ("A 4-wheeler of the 1980s & more", "a 4-wheeler of the 1980s & more"),
        ("", ""),
    ],
)
def test_tokens(text: str, tokens: str) -> None:
    assert approximate_ptb([text]) == [tokens]
    if shutil.which("java"):
        assert ptb([text]) == [tokens]


@java
def test_with_java(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    meteor, processes = metrics._meteor, []

    @contextmanager
    def watched() -> Iterator[Any]:
        with meteor() as scorer:
            processes.append(scorer.meteor_p)
            yield scorer

    monkeypatch.setattr(metrics, "_meteor", watched)
    references = {**REFERENCES, "c": ["Un café , \u2028 two lines"], "d": ["a cat"]}
    hypotheses = {"a": "A dog runs on the beach .", "b": "men play", "c": "un café", "d": ""}
    scores = coco_metrics(references, hypotheses)
    assert list(scores) == [*(f"BLEU-{n}" for n in range(1, 5)), "METEOR", "ROUGE_L", "CIDEr"]
    assert 0 < scores.pop("METEOR") < 100
    without = coco_metrics(references, hypotheses, java=False)
    assert scores == pytest.approx({name: without[name] for name in scores})
    assert capfd.readouterr() == ("", "")
    (process,) = processes
    assert process.poll() is not None and process.stdout.closed


def test_without_java(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(metrics.shutil, "which", lambda name: None)
    metrics._warn_without_java.cache_clear()
    first, second = coco_metrics(REFERENCES, SAME), coco_metrics(REFERENCES, SAME)
    assert first == second
    assert first["approximate"] == 1 and "METEOR" not in first
    out, err = capsys.readouterr()
    assert out == "" and err.count("METEOR") == 1
    with pytest.raises(UserError, match="Java isn't installed"):
        coco_metrics(REFERENCES, SAME, java=True)


@pytest.mark.parametrize(
    ("references", "hypotheses", "problem"),
    [
        ({}, {}, "no captions to measure"),
        ({"a": ["x"], "b": ["y"]}, {"a": "x"}, "1 pictures have only .* such as 'b'"),
        ({"a": ["x"]}, {"a": "x", "c": "z"}, "1 pictures have only .* such as 'c'"),
        ({"a": []}, {"a": "x"}, "no reference caption, such as 'a'"),
    ],
)
def test_sides_that_do_not_match(
    references: dict[str, list[str]], hypotheses: dict[str, str], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        coco_metrics(references, hypotheses)
    with pytest.raises(UserError, match=problem):
        quick_metrics(references, hypotheses)


def test_chinese_by_word() -> None:
    references, hypotheses = {"x": ["一个女人躺在海水里。"]}, {"x": "一个男人躺在海水里"}
    by_word = coco_metrics(references, hypotheses, java=False, words=True)
    assert by_word["BLEU-1"] == pytest.approx(100 * 5 / 6)  # 一个 女人 躺 在 海水 里
    by_character = coco_metrics(references, hypotheses, java=False)
    assert by_character["BLEU-1"] == pytest.approx(100 * 8 / 9)


def test_how_rich_captions_are() -> None:
    found = richness(["A man and a man.", "The the dog .", "A dog runs."])
    assert found == pytest.approx(
        {
            "length": 11 / 3,  # full stops are no words
            "repetition": 200 / 3,
            "distinct-1": 100 * 6 / 11,
            "distinct-2": 100 * 7 / 8,
            "vocabulary": 6,
        }
    )
    assert richness(["一个女人", "女人"], words=True)["vocabulary"] == 2
    assert richness(["一个女人", "女人"])["vocabulary"] == 4

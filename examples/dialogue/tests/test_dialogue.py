"""The small world is consistent, the test is unseen, and the model that ships knows its way."""

import io
import re
import sys
from pathlib import Path
from random import Random

import pytest
from attention_dialogue import TASK
from attention_dialogue.command import _lines
from attention_dialogue.corpus import (
    SPLITS,
    WORLD,
    Question,
    drawn,
    exchange,
    questions,
    rows,
    said,
    turn,
)
from attention_dialogue.learner import ChatLearner, ChatRecipe
from attention_dialogue.speaker import Speaker
from click.testing import CliRunner
from torch import get_num_threads, set_num_threads

from attention_core import UserError, checkpoint, train
from attention_core.recipe import load_recipe

RECIPE = TASK.shipped.parents[1] / "recipes" / "world.toml"
CONVERSATION = {
    "Hello!": "Hello! What would you like to know?",
    "What is the capital of France?": "Paris.",
    "And Italy?": "Rome.",
    "What language do they speak in Italy?": "They speak Italian.",
    "And France?": "They speak French.",
    "What comes after Monday?": "Tuesday.",
    "And after that?": "Wednesday.",
    "What colour is a lemon?": "Yellow.",
    "And snow?": "White.",
    "How much is three plus four?": "Seven.",
    "What is the opposite of hot?": "Cold.",
    "Which is bigger, a horse or a mouse?": "A horse is bigger.",
    "What is the capital of Zamunda?": "I don't know that.",
    "Thank you!": "You are welcome.",
}


@pytest.fixture(autouse=True)
def one_thread():
    before = get_num_threads()
    set_num_threads(1)
    yield
    set_num_threads(before)


def everything() -> list[Question]:
    return [question for split in questions().values() for question in split]


def test_what_is_heard_has_one_answer():
    random = Random(1)
    answers: dict[str, set[str]] = {}
    for heard, answer in [*drawn(20_000, seed=3), *(exchange(q, random) for q in everything())]:
        answers.setdefault(heard, set()).add(answer)
    assert {heard: found for heard, found in answers.items() if len(found) > 1} == {}


def test_sums_are_right():
    value = {name: number for number, name in enumerate(WORLD["numbers"])}
    sign = {"plus": 1, "minus": -1}
    found = rows("sum")
    assert len({row["x"] for row in found}) == len(found) == 121 + 66
    for row in found:
        one, operation, other = row["x"].split()
        assert value[one] + sign[operation] * value[other] == value[row["result"]]


def test_sizes_are_ordered():
    order = {name: rank for rank, name in enumerate(WORLD["sizes"])}
    for row in rows("pair"):
        assert {row["bigger"], row["smaller"]} == set(row["x"].split(" or "))
        assert order[row["bigger"]] > order[row["smaller"]]


def test_days_months_and_numbers_follow_each_other():
    days = {row["x"]: (row["previous"], row["next"]) for row in rows("days")}
    assert days["Monday"] == ("Sunday", "Tuesday") and days["Sunday"] == ("Saturday", "Monday")
    numbers = {row["x"]: (row["previous"], row["next"]) for row in rows("numbers")}
    assert numbers["one"] == ("zero", "two") and numbers["nineteen"] == ("eighteen", "twenty")
    assert "zero" not in numbers and "twenty" not in numbers


def test_opposites_go_both_ways():
    found = {row["x"]: row["opposite"] for row in rows("word")}
    assert len(found) == 2 * len(WORLD["opposites"])
    assert all(found[found[word]] == word for word in found)


def test_the_test_is_unseen():
    heard = {split: set() for split in questions()}
    for split, group in questions().items():
        for question in group:
            topic = question.topic if question.kind in ("then", "chain") else None
            row = question.x if question.kind == "chain" else None
            heard[split].add((topic, row, said(question.text())))
    assert not heard["train"] & (heard["test"] | heard["val"] | heard["new"])
    assert not heard["test"] & heard["val"]
    held_out = len(heard["test"]) / sum(len(heard[split]) for split in SPLITS)
    assert 0.08 < held_out < 0.12
    asked = [q.text() for q in questions()["test"] if q.kind == "asks"]
    texts = {said(f"{opener} {text}") for text in asked for opener in WORLD["openers"]}
    learned = [heard.split(" | ") for heard, _ in drawn(5000, seed=9)]
    assert not texts & {turns[0] for turns in learned}
    assert not texts & {turns[-1] for turns in learned}


def test_each_form_and_each_row_is_learned():
    learned = questions()["train"]
    for index in ("form", "x"):
        test = {(q.topic, getattr(q, index)) for q in questions()["test"]}
        assert test <= {(q.topic, getattr(q, index)) for q in learned}


def test_what_is_heard():
    assert said("What's  the Capital, of FRANCE?!") == "what's the capital of france"
    assert turn("And Italy?", "Rome.") == "and italy | rome | "
    assert said("And a | b?", turn("Hi", "Hello!")) == "hi | hello | and a b"


def test_a_follow_up_comes_after_a_turn_that_it_may_follow():
    random = Random(2)
    for question in everything():
        heard, answer = exchange(question, random)
        *before, text = heard.split(" | ")
        assert text.endswith(said(question.text())) and answer == question.answer
        if question.kind in ("then", "chain"):
            assert len(before) == 2
        if question.kind == "chain":
            assert before[1] == said(question.x)
    assert {len(exchange(everything()[0], random)[0].split(" | ")) for _ in range(40)} == {1, 3}


def test_made_up_words_are_not_known():
    question = Question(0, "asks", "what is the capital of {x}?", "France", "Paris.")
    made_up = question.unknown(Random(1))
    assert made_up.answer == "I don't know that."
    names = {question.unknown(Random(seed)).x for seed in range(2000)}
    assert len(names) > 1900 and not names & {question.x for question in everything()}
    assert re.fullmatch(r"what is the capital of [a-z]{2,12}\?", made_up.text())
    share = sum(answer == made_up.answer for _, answer in drawn(5000, seed=1)) / 5000
    assert 0.05 < share < 0.2


class TestTheModelThatShips:
    def test_it_scores_as_promised(self):
        scores = TASK.evaluate(TASK.shipped, "val", Path(), 1)
        assert set(scores) == {"questions", "follow-ups", "made-up words"}
        assert all(group["exact"] >= 95 for group in scores.values()), scores

    def test_it_converses(self):
        before, found = "", {}
        for text in CONVERSATION:
            found[text] = Speaker.load(TASK.shipped).answer(text, before)
            before = turn(text, found[text])
        assert found == CONVERSATION

    def test_it_is_small_and_of_its_recipe(self):
        saved = checkpoint.read(TASK.shipped)
        assert sum(file.stat().st_size for file in TASK.shipped.iterdir()) < 1_500_000
        recipe = load_recipe(RECIPE, ChatRecipe)
        assert saved.config["model"]["preset"] == recipe.model.preset == "sutskever"
        assert saved.config["training"]["epochs"] == recipe.training.epochs
        assert f"seed\n{recipe.seed}." in saved.file("README.md").decode()


def test_a_recipe_trains_and_its_checkpoint_answers_the_same(tmp_path):
    tiny = ["exchanges=300", "model.hidden=8", "training.epochs=1"]
    settings = load_recipe(RECIPE, ChatRecipe, tiny)
    learner = ChatLearner(settings)
    assert learner.batches(0) == learner.batches(0) != learner.batches(1)
    best = train(learner, settings.training, tmp_path / "run", seed=1)
    heard = [heard for heard, _ in drawn(20, seed=4)]
    ours = Speaker(learner.model.half().float().eval(), learner.tokenizer, settings.search)
    assert Speaker.load(best).answers(heard) == ours.answers(heard)


def test_a_batch_is_source_mask_and_target():
    learner = ChatLearner(load_recipe(RECIPE, ChatRecipe, ["exchanges=50"]))
    encode, eos = learner.tokenizer.encode, learner.tokenizer.eos
    (item, *_) = learner.batches(0)
    source, valid = learner.collate(item).source
    tokens = learner.collate(item).tokens
    assert set(drawn(50, seed=1000)) >= {
        (learner.tokenizer.decode(heard), learner.tokenizer.decode(answer))
        for heard, answer in item
    }
    assert source[0][valid[0]].tolist() == item[0][0] and item[0][0][-1] == eos
    answer = learner.tokenizer.decode(item[0][1])
    assert tokens[0][tokens[0] > 0].tolist() == [
        learner.tokenizer.begin("en"),
        *encode(answer),
        eos,
    ]


def test_what_cannot_be_answered_is_told():
    for text in ("", "?!", "a" * 501):
        with pytest.raises(UserError, match="say something in 1 to 500 characters"):
            Speaker.load(TASK.shipped).answer(text)


def test_another_tasks_checkpoint_is_told(tmp_path):
    checkpoint.save(tmp_path / "x", task="other", config={}, weights={}, files={})
    with pytest.raises(UserError, match="of the task 'other', not chat"):
        Speaker.load(tmp_path / "x")


def test_an_unknown_split_is_told():
    with pytest.raises(UserError, match=r"unknown split 'tset'\. Did you mean 'test'"):
        TASK.evaluate(TASK.shipped, "tset", Path(), None)


class TestTheCommand:
    def test_one_question(self):
        result = CliRunner().invoke(TASK.command(), ["What is the capital of France?"])
        assert (result.exit_code, result.output) == (0, "Paris.\n")

    def test_a_conversation(self):
        result = CliRunner().invoke(TASK.command(), input="\n".join(CONVERSATION))
        assert (result.exit_code, result.stdout.splitlines()) == (0, [*CONVERSATION.values()])

    def test_a_bad_line_is_told_and_the_talk_goes_on(self):
        talk = "What is the capital of France?\n?!\nAnd Italy?\n"
        result = CliRunner().invoke(TASK.command(), input=talk)
        assert (result.exit_code, result.stdout) == (1, "Paris.\nRome.\n")
        assert re.fullmatch(r"error: say something .*\n", result.stderr)

    def test_a_prompt_where_somebody_types(self, monkeypatch, capsys):
        typed = io.StringIO("Hello\n")
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", typed)
        assert list(_lines()) == ["Hello\n"]
        assert capsys.readouterr().out == "> > "

"""What the tab *Learn* shows: the numbers of the model itself, in whichever language."""

import re
from html import escape
from types import SimpleNamespace

import gradio
import pytest
import torch

from attention_core import SCORERS, Translator, build_scorer
from attention_core.demo import example, learn
from attention_core.demo.lesson import SHIPPED, TINY, lesson, own_scorer
from attention_core.demo.steps import stated, walk
from attention_core.errors import UserError
from attention_core.wording import speaker

TEXT = "A dog runs on the beach."
ENGLISH, CHINESE = (SimpleNamespace(headers={"accept-language": tag}) for tag in ("en", "zh-CN"))


@pytest.fixture(scope="module")
def translator():
    return Translator.load()


def test_the_weights_of_the_example_are_those_that_training_comes_to():
    trained, shipped = (
        model("additive").state_dict() for model in (example.train, example.trained)
    )
    assert trained.keys() == shipped.keys()
    for name, weight in trained.items():
        torch.testing.assert_close(weight, shipped[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_example_is_right_with_every_scorer(scorer):
    found = lesson("Cat chase mouse", TINY, "zh", scorer)
    assert found.tokens == ["猫", "捉", "老鼠", "</s>"]
    assert [words[0][0] for words in found.likeliest] == found.tokens
    assert found.trained


def test_the_example_has_the_numbers_of_the_documentation():
    first, second, *_ = lesson("cat chase mouse", TINY, "zh", "additive").steps
    assert [round(e, 3) for e in first.scores] == [-0.681, -2.459, -2.603]
    assert [round(w, 3) for w in first.weights] == [0.760, 0.128, 0.111]
    assert [round(c, 3) for c in first.context] == [-0.503, -0.637, 0.507, -0.689]
    assert [round(q, 3) for q in second.query] == [0.379, -0.907, 0.994, 0.856]
    assert round(second.likeliest[0][1], 3) == 0.962


def test_the_steps_are_those_of_the_search(translator):
    (sentence,) = translator.encode(TEXT)
    ((best, *_),) = translator.decode([sentence.ids], to="de", width=1)
    found = lesson(TEXT, SHIPPED, "de", own_scorer())
    weights = torch.tensor([step.weights for step in found.steps])
    torch.testing.assert_close(weights, best.weights, rtol=1e-4, atol=1e-5)
    assert "".join(found.tokens[:-1]) == "".join(translator.tokenizer.decode(best.tokens).split())


def test_a_stand_in_is_called_by_what_it_stands_for():
    found = lesson("Emma has 1,000 dogs.", SHIPPED, "de", own_scorer())
    assert {"Emma", "1,000"} <= {*found.source}
    assert "Emma" in found.tokens and not any("<0x" in word for word in found.tokens)


def test_other_scorers_change_the_step_and_not_what_came_before():
    own, other = (lesson(TEXT, SHIPPED, "de", name) for name in (own_scorer(), "cosine"))
    assert own.trained and not other.trained
    assert own.tokens == other.tokens
    for mine, its in zip(own.steps, other.steps, strict=True):
        assert mine.query == pytest.approx(its.query, abs=1e-5)
        assert mine.scores != pytest.approx(its.scores, abs=1e-2)


def test_the_shared_model_is_left_as_it_was(translator):
    decoder = translator.model.decoder
    scorer = decoder.attention.scorer
    source = torch.tensor([[5, 6, 2]])
    walk(translator.model, source, [7, 2], begin=4, scorer=stated("dot", scorer))
    assert decoder.attention.scorer is scorer
    assert not scorer._forward_hooks and not decoder.attention._forward_hooks


@pytest.mark.parametrize("trained", SCORERS)
def test_stated_scorers_share_the_matrices_of_the_trained_one(trained):
    torch.manual_seed(1)
    own = build_scorer(trained, 4, 4, 3)
    values, query = torch.randn(1, 5, 4), torch.randn(1, 2, 4)

    def scores(name: str) -> torch.Tensor:
        scorer = stated(name, own)
        return scorer(query, scorer.project_keys(values))

    torch.testing.assert_close(scores("dot"), query @ values.mT)
    torch.testing.assert_close(scores("additive"), scores("concat"))
    sizes = {"additive": 3, "concat": 3, "scaled_dot": 3}
    size = sizes.get(trained, 4)
    torch.testing.assert_close(scores("scaled_dot"), scores("bilinear") / size**0.5)
    if trained in ("bilinear", "scaled_dot", "concat"):
        torch.testing.assert_close(scores(trained), own(query, own.project_keys(values)))


@pytest.mark.parametrize(
    ("text", "model", "problem"),
    [
        ("horse chase mouse", TINY, "'horse'. Did you mean 'mouse'"),
        ("cat cat mouse", TINY, '"noun verb noun"'),
        ("cat chase", TINY, '"noun verb noun"'),
        (" ", SHIPPED, "the text is empty"),
        ("dog " * 60, SHIPPED, "too long: at most 200"),
        ("A dog. A cat.", SHIPPED, "one sentence"),
    ],
)
def test_a_sentence_that_cannot_be_followed(text, model, problem):
    with pytest.raises(UserError, match=problem):
        lesson(text, model, "de", "dot")


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (ENGLISH, ["Scores", "Softmax", "Context", "Output", "The model writes 捉."]),
        (CHINESE, ["打分", "Softmax", "上下文", "输出", "模型写下：捉"]),
    ],
)
def test_a_step_is_shown(reader, words):
    _, slider, html = learn.follow("cat chase mouse", TINY, "zh", "additive", 2, reader)
    assert slider["maximum"] == 4 and slider["value"] == 2
    assert [word for word in words if word not in html] == []
    assert "α(chase) = 1.000 / 1.209 = 0.827" in html
    assert re.findall("<bdi aria-current[^>]*>([^<]*)", html) == ["捉"]


def test_forth_and_back_stay_within():
    found, _, first = learn.follow("cat chase mouse", TINY, "zh", "dot", 1, ENGLISH)
    place, second = learn.forth(found, 1, ENGLISH)
    assert place == 2 and second != first
    assert learn.back(found, 2, ENGLISH) == (1, first)
    assert learn.back(found, 1, ENGLISH) == (1, first)
    assert learn.forth(found, 4, ENGLISH)[0] == 4
    assert learn.forth(None, 1, ENGLISH) == (1, "")


def test_an_untrained_scorer_says_so_and_what_the_model_wrote():
    found, *_ = learn.follow(TEXT, SHIPPED, "de", "additive", 1, ENGLISH)
    pages = [learn.shown(found, place, speaker({}, ENGLISH)) for place in range(len(found.steps))]
    differing = 0
    for page, word, likely in zip(pages, found.tokens, found.likeliest, strict=True):
        assert "This scorer was not trained here" in page
        other = likely[0][0] != word
        assert (f"The model with its own scorer wrote {escape(word)}." in page) == other
        differing += other
    assert differing > 0


def test_a_problem_is_a_message():
    with pytest.raises(gradio.Error, match="极小的模型不认识"):
        learn.follow("horse chase mouse", TINY, "zh", "dot", 1, CHINESE)


def test_the_model_brings_its_example_and_its_scorer():
    assert learn.switched(TINY)[::2] == ("cat chase mouse", "additive")
    assert learn.switched(SHIPPED)[::2] == (TEXT, own_scorer())

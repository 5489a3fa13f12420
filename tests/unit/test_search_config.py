"""The search that a recipe asks for is the one that is run."""

import pytest
import torch

from attention_core.errors import UserError
from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.recipe import from_dict
from attention_core.search import MinimumLength, NoRepeatedNgram, beam_search
from attention_core.training import SearchConfig

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
BEGINS = torch.tensor([BEGIN, BEGIN])


def model_of(preset="bahdanau"):
    torch.manual_seed(1)
    sizes = DecoderSizes(vocabulary=WORDS, embedding=4, hidden=6, values=6, summary=6, attention=3)
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.9)
        decoder.bias[END] += 2.0  # outputs of many lengths
    return model


def told(found):
    return [[(each.tokens, each.score) for each in ranked] for ranked in found]


def configured(config, **options):
    model = model_of()
    search = {"begin": BEGINS, "end": END, **options}
    return told(config.run(model.decoder.step, *model.remember(SOURCE, SOURCE != PAD), **search))


def expected(**options):
    model = model_of()
    search = {"begin": BEGINS, "end": END, "max_length": 6, **options}
    return told(beam_search(model.decoder.step, *model.remember(SOURCE, SOURCE != PAD), **search))


PLAIN = {"width": 5, "length_penalty": 1.0}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"beam": 3}, {"width": 3}),
        ({"length_penalty": 0.0}, {"length_penalty": 0.0}),
        ({"coverage_penalty": 2.0}, {"coverage_penalty": 2.0}),
        ({"stop": "best"}, {"stop": "best"}),
        ({"minimum_length": 5}, {"constraints": [MinimumLength(5, END)]}),
        ({"no_repeat_ngram": 1}, {"constraints": [NoRepeatedNgram(1)]}),
    ],
)
def test_every_setting_is_passed_on(settings, options):
    found = configured(SearchConfig(**{"max_length": 6, **settings}))
    assert found == expected(**PLAIN | options)
    assert found != expected(**PLAIN)


def test_the_defaults_are_plain_beam_search():
    assert configured(SearchConfig(max_length=6)) == expected(**PLAIN)


def test_width_and_limit_may_be_others_for_once():
    config = SearchConfig(max_length=6)
    assert configured(config, width=2) == expected(**PLAIN | {"width": 2})
    assert configured(config, max_length=2) == expected(**PLAIN, max_length=2)
    assert configured(config, max_length=60) == expected(**PLAIN)  # never above the recipe's


def test_a_short_limit_wins_over_the_shortest_output():
    found = configured(SearchConfig(max_length=6, minimum_length=5), max_length=2)
    assert {len(tokens) for ranked in found for tokens, _ in ranked} == {2}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"minimum_length": 9, "max_length": 8}, "minimum_length: 9 is above max_length 8"),
        ({"stop": "first"}, "stop can't be 'first'"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be at least 0, got -1"),
    ],
)
def test_wrong_settings_are_one_line(settings, problem):
    with pytest.raises(UserError) as caught:
        from_dict(SearchConfig, settings)
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_coverage_needs_attention():
    config = SearchConfig(coverage_penalty=0.5)
    config.check(model_of("bahdanau").decoder)
    SearchConfig().check(model_of("cho").decoder)
    with pytest.raises(UserError, match=r"search.coverage_penalty: it needs a preset with"):
        config.check(model_of("cho").decoder)

"""Search against enumeration, against a beam in plain Python, and against the decoder itself."""

from itertools import product

import pytest
import torch
from tiny import BEGIN, END, begins, every_model, sources, tiny_model
from torch.testing import assert_close

from attention_core.parts.types import DecoderState
from attention_core.search import (
    BeginsWith,
    EnsembleState,
    beam_search,
    ensemble,
    greedy_search,
    sample,
)

ALPHAS = (0.0, 0.6, 1.0, 2.0)


def found_by(search, model, source, **options):
    return search(
        model.decoder.step, *model.remember(*source), begin=begins(source), end=END, **options
    )


def forced(model, source, tokens):
    """Log-probabilities and weights of a sequence, as training would see it."""
    memory, state = model.remember(*source)
    logits, weights = model.decoder(torch.tensor([[BEGIN, *tokens[:-1]]]), memory, state)
    gains = logits[0].log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0]
    return gains.detach(), None if weights is None else weights[0].detach()


def sequences(words, most):
    """All outputs: those that end within ``most`` tokens, and the unfinished of that length."""
    others = [word for word in range(words) if word != END]
    for length in range(most):
        yield from ([*prefix, END] for prefix in product(others, repeat=length))
    yield from (list(prefix) for prefix in product(others, repeat=most))


def plain_beam(model, source, width, alpha, most):
    """(score, tokens) of beam search over one source, with lists and one row at a time."""
    memory, state = model.remember(*source)
    opened, finished = [(0.0, [], state)], []
    for _ in range(most):
        grown = []
        for total, tokens, state in opened:
            logits, state, _ = model.decoder.step(
                torch.tensor([tokens[-1] if tokens else BEGIN]), memory, state
            )
            gains = logits[0].log_softmax(-1).tolist()
            grown += [(total + gain, [*tokens, word], state) for word, gain in enumerate(gains)]
        grown.sort(key=lambda one: -one[0])
        finished += [(total, tokens) for total, tokens, _ in grown[:width] if tokens[-1] == END]
        opened = [one for one in grown if one[1][-1] != END][:width]
        if len(finished) >= width:
            break
    finished += [(total, tokens) for total, tokens, _ in opened]
    ranked = [(total / len(tokens) ** alpha, tokens) for total, tokens in finished[:width]]
    return sorted(ranked, key=lambda one: -one[0])


@every_model
def test_a_wide_beam_is_exhaustive(preset, cell):
    model, source = tiny_model(preset, cell, words=4), sources(3, 2, words=4)
    everything = list(sequences(4, 3))
    totals = [
        [float(forced(model, source.single(i), tokens)[0].sum()) for tokens in everything]
        for i in range(2)
    ]
    for alpha in ALPHAS:
        nbests = found_by(
            beam_search, model, source, max_length=3, width=len(everything), length_penalty=alpha
        )
        for i, nbest in enumerate(nbests):
            ranked = sorted(
                (
                    (total / len(tokens) ** alpha, tokens)
                    for total, tokens in zip(totals[i], everything, strict=True)
                ),
                reverse=True,
            )
            assert [found.tokens for found in nbest] == [tokens for _, tokens in ranked]
            assert [found.score for found in nbest] == pytest.approx([s for s, _ in ranked])
            assert all(found.finished == (found.tokens[-1] == END) for found in nbest)


@every_model
def test_a_narrow_beam_is_a_plain_one(preset, cell):
    """By the scores, as outputs of equal score may change places; whose they are is a law below."""
    model, source = tiny_model(preset, cell), sources(4, 1, 3)
    for width, alpha in ((1, 0.0), (2, 0.6), (3, 1.0), (5, 2.0)):
        nbests = found_by(
            beam_search, model, source, max_length=6, width=width, length_penalty=alpha
        )
        for i, nbest in enumerate(nbests):
            expected = plain_beam(model, source.single(i), width, alpha, 6)
            assert [found.score for found in nbest] == pytest.approx([s for s, _ in expected])


@every_model
def test_width_one_is_greedy(preset, cell):
    model, source = tiny_model(preset, cell), sources(4, 1, 3)
    for alpha in ALPHAS:
        options = {"max_length": 6, "length_penalty": alpha}
        nbests = found_by(beam_search, model, source, width=1, **options)
        greedies = found_by(greedy_search, model, source, **options)
        for nbest, greedy in zip(nbests, greedies, strict=True):
            assert len(nbest) == 1
            assert (nbest[0].tokens, nbest[0].finished) == (greedy.tokens, greedy.finished)
            assert nbest[0].score == pytest.approx(greedy.score)


@every_model
@pytest.mark.parametrize("layers", [1, 2])
def test_scores_and_weights_belong_to_the_tokens(preset, cell, layers):
    """Also after any number of reorders: the decoder is forced along each hypothesis anew."""
    model, source = tiny_model(preset, cell, layers=layers), sources(4, 2, 3)
    beam = found_by(beam_search, model, source, max_length=8, width=4, length_penalty=0.7)
    greedy = found_by(greedy_search, model, source, max_length=8, length_penalty=0.7)
    for i, (nbest, best) in enumerate(zip(beam, greedy, strict=True)):
        assert nbest == sorted(nbest, key=lambda found: -found.score)
        assert 1 <= len({tuple(found.tokens) for found in nbest}) == len(nbest) <= 4
        for found in (*nbest, best):
            gains, weights = forced(model, source.single(i), found.tokens)
            assert found.log_probabilities == pytest.approx(gains.tolist())
            assert found.log_probability == pytest.approx(float(gains.sum()))
            assert found.score == pytest.approx(float(gains.sum()) / len(found.tokens) ** 0.7)
            assert END not in found.tokens[:-1]
            assert found.finished == (found.tokens[-1] == END)
            if weights is None:
                assert found.weights is None
            else:
                assert_close(found.weights[:, : weights.size(-1)], weights)


@every_model
def test_nothing_need_finish(preset, cell):
    model, source = tiny_model(preset, cell), sources(4, 2)
    for low in (-1e9, -torch.inf):
        with torch.no_grad():
            model.decoder.bias[END] = low
        nbests = found_by(beam_search, model, source, max_length=4, width=3)
        greedies = found_by(greedy_search, model, source, max_length=4)
        for nbest, greedy in zip(nbests, greedies, strict=True):
            assert len(nbest) == 3
            for found in (*nbest, greedy):
                assert not found.finished and len(found.tokens) == 4


@every_model
def test_an_output_begins_as_it_is_told_to(preset, cell):
    """A prefix costs what it costs the model; behind it each source goes on as if alone."""
    model, source = tiny_model(preset, cell), sources(4, 2, 3)
    prefixes = [[3, 5], [], [4, END]]
    options = {"max_length": 5, "constraints": [BeginsWith(prefixes)]}
    beam = found_by(beam_search, model, source, width=3, **options)
    greedy = found_by(greedy_search, model, source, **options)
    drawn = found_by(sample, model, source, samples=2, **options)
    for i, (prefix, *found) in enumerate(zip(prefixes, beam, greedy, drawn, strict=True)):
        for one in (*found[0], found[1], *found[2]):
            assert one.tokens[: len(prefix)] == prefix
            assert one.log_probabilities == pytest.approx(
                forced(model, source.single(i), one.tokens)[0].tolist()
            )
    assert [one.tokens for one in (*beam[2], greedy[2], *drawn[2])] == [[4, END]] * 4


@pytest.mark.parametrize("preset", ["bahdanau", "luong", "luong_local_m", "adaptive_attention"])
def test_coverage_is_of_real_positions(preset):
    """By the equation, and the same in a padded batch as alone."""
    model, source = tiny_model(preset, "gru"), sources(4, 1, 3, size=6)
    options = {"max_length": 6, "width": 4, "coverage_penalty": 0.7, "stop": "best"}
    for i, nbest in enumerate(found_by(beam_search, model, source, **options)):
        (alone,) = found_by(beam_search, model, source.single(i), **options)
        assert [found.tokens for found in nbest] == [found.tokens for found in alone]
        for found, one in zip(nbest, alone, strict=True):
            covered = found.weights[:, source.valid[i]].sum(0).clamp(1e-10, 1.0)
            score = found.log_probability / len(found.tokens) + 0.7 * float(covered.log().sum())
            assert found.score == pytest.approx(score) == pytest.approx(one.score)


def test_an_ensemble_of_unlike_models_enumerates_their_mean():
    """Of any sizes, layers and wirings; the product of averaged probabilities, token by token."""
    models = [
        tiny_model("bahdanau", "gru", words=4),
        tiny_model("luong", "lstm", layers=2, words=4),
        tiny_model("bahdanau_coverage", "tanh", words=4),
    ]
    source, everything = sources(3, 2, words=4), list(sequences(4, 3))
    memories, states = zip(*(model.remember(*source) for model in models), strict=True)
    nbests = beam_search(
        ensemble([model.decoder.step for model in models]),
        memories,
        EnsembleState(states),
        begin=begins(source),
        end=END,
        max_length=3,
        width=len(everything),
    )
    for i, nbest in enumerate(nbests):
        means, looked = {}, {}
        for tokens in everything:
            gains, weights = zip(
                *(forced(model, source.single(i), tokens) for model in models), strict=True
            )
            means[tuple(tokens)] = torch.stack(gains).exp().mean(0).log()
            looked[tuple(tokens)] = torch.stack(weights).mean(0)
        ranked = sorted(means, key=lambda tokens: -float(means[tokens].mean()))
        assert [tuple(found.tokens) for found in nbest] == ranked
        for found, tokens in zip(nbest, ranked, strict=True):
            assert found.log_probabilities == pytest.approx(means[tokens].tolist())
            assert_close(found.weights[:, : looked[tokens].size(-1)], looked[tokens])


@pytest.mark.parametrize("words", [1, 2, 3])
def test_a_beam_wider_than_the_vocabulary(words):
    """Words 0.. with ``END`` as the only, the second or the third; every word is as likely."""
    end = words - 1

    def step(tokens, memory, state):
        return torch.zeros(tokens.numel(), words), state, None

    state = DecoderState(torch.zeros(1, 1, 1), None, None, torch.zeros(1, dtype=torch.long))
    nbest = beam_search(
        step, None, state, begin=torch.tensor([0]), end=end, max_length=2, width=20
    )[0]
    expected = {1: 1, 2: 3, 3: 7}[words]
    assert len({tuple(found.tokens) for found in nbest}) == len(nbest) == expected

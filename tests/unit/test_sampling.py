"""Sampling and restriction: frequencies, scores, and words that can't come."""

import pytest
import torch

from attention_core.models import DecoderSizes, build_decoder
from attention_core.parts.types import Encoded
from attention_core.search import beam_search, greedy_search, restricted, sample
from attention_core.search.sampling import drawn, truncated

END, WORDS = 2, 5


@pytest.fixture
def decoding():
    """A tiny decoder's step, its memory and its first state for one source."""
    torch.manual_seed(1)
    sizes = DecoderSizes(vocabulary=WORDS, embedding=4, hidden=4, values=4, summary=4, attention=4)
    decoder = build_decoder("bahdanau", sizes).double().eval()
    torch.nn.init.normal_(decoder.output, std=2.0)
    encoded = Encoded(
        torch.randn(1, 3, 4).double(),
        torch.ones(1, 3, dtype=torch.bool),
        torch.randn(1, 4).double(),
    )
    memory = decoder.requires_grad_(False).remember(encoded)
    return decoder.step, memory, decoder.begin(memory, None)


@pytest.mark.parametrize(
    ("u", "token"),
    [(0.0, 1), (0.24, 1), (0.25, 2), (0.74, 2), (0.75, 4), (1 - 2**-24, 4)],
)
def test_a_word_has_its_share_of_the_unit_interval(monkeypatch, u, token):
    probabilities = torch.tensor([[0.0, 0.25, 0.5, 0.0, 0.25, 0.0]])
    monkeypatch.setattr(torch, "rand", lambda *size, **options: torch.full(size, u))
    for total in (1.0, 0.9999999, 3.0):
        assert drawn(probabilities * total).tolist() == [token]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_tokens_come_as_often_as_the_distribution_says(decoding, temperature):
    step, memory, state = decoding
    begin = torch.tensor([1])
    logits, _, _ = step(begin, memory, state)
    expected = (logits[0] / temperature).softmax(-1)
    (found,) = sample(
        step,
        memory,
        state,
        begin=begin,
        end=END,
        max_length=1,
        samples=4000,
        temperature=temperature,
        generator=torch.Generator().manual_seed(0),
    )
    counts = torch.bincount(torch.tensor([h.tokens[0] for h in found]), minlength=WORDS)
    assert float((counts / 4000 - expected).abs().max()) < 0.03
    gains = logits[0].log_softmax(-1)
    assert all(h.log_probability == pytest.approx(float(gains[h.tokens[0]])) for h in found[:20])


@pytest.mark.parametrize("temperature", [1e-6, 1e-320])
def test_a_cold_sample_is_greedy(decoding, temperature):
    step, memory, state = decoding
    options = {"begin": torch.tensor([1]), "end": END, "max_length": 6}
    ((cold,),) = sample(step, memory, state, temperature=temperature, **options)
    (greedy,) = greedy_search(step, memory, state, **options)
    assert cold.tokens == greedy.tokens
    assert cold.log_probabilities == pytest.approx(greedy.log_probabilities)


LOGITS = torch.tensor([[0.1, 0.4, 0.05, 0.2, 0.25], [0.5, 0.0, 0.1, 0.3, 0.1]]).log()


@pytest.mark.parametrize(
    ("top_k", "top_p", "first", "second"),
    [
        (None, None, [0, 1, 2, 3, 4], [0, 2, 3, 4]),
        (2, None, [1, 4], [0, 3]),
        (9, None, [0, 1, 2, 3, 4], [0, 2, 3, 4]),
        (None, 0.45, [1, 4], [0]),
        (None, 0.66, [1, 3, 4], [0, 3]),
        (None, 1e-9, [1], [0]),
        (None, 1.0, [0, 1, 2, 3, 4], [0, 2, 3, 4]),
        # 0.4 of the 0.65 that the best two have is 0.62 of them; 0.5 of 0.8 is 0.63.
        (2, 0.61, [1], [0]),
        (2, 0.64, [1, 4], [0, 3]),
    ],
)
def test_likely_words_are_kept(top_k, top_p, first, second):
    found = truncated(LOGITS, top_k, top_p)
    kept = found.isfinite()
    assert [row.nonzero()[:, 0].tolist() for row in kept] == [first, second]
    assert torch.equal(found[kept], LOGITS[kept])


def test_of_equal_words_as_many_are_kept_as_asked_for():
    assert int(truncated(torch.zeros(1, 5), 2, None).isfinite().sum()) == 2
    assert int(truncated(torch.zeros(1, 4), None, 0.5).isfinite().sum()) == 2


def test_a_seed_draws_the_same_again(decoding):
    step, memory, state = decoding
    options = {"begin": torch.tensor([1]), "end": END, "max_length": 8, "samples": 6}
    (first, again, other) = (
        sample(
            step,
            memory,
            state,
            top_k=4,
            top_p=0.9,
            generator=torch.Generator().manual_seed(seed),
            **options,
        )[0]
        for seed in (1, 1, 2)
    )
    assert [h.tokens for h in first] == [h.tokens for h in again] != [h.tokens for h in other]


def test_a_restricted_step_gives_no_other_words(decoding):
    step, memory, state = decoding
    allowed = torch.tensor([False, True, True, False, True])
    options = {"begin": torch.tensor([1]), "end": END, "max_length": 5}
    (ranked,) = beam_search(restricted(step, allowed), memory, state, width=4, **options)
    assert {token for h in ranked for token in h.tokens} <= {1, 2, 4}
    logits, _, _ = restricted(step, allowed)(torch.tensor([1]), memory, state)
    plain, _, _ = step(torch.tensor([1]), memory, state)
    expected = plain.softmax(-1) * allowed
    torch.testing.assert_close(logits.softmax(-1), expected / expected.sum())

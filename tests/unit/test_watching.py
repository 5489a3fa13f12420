"""What a search would say at each step."""

import torch

from attention_core.search import EnsembleState, beam_search, greedy_search, sample, watched

# After 1, 2 is likelier than 3; but what follows 2 is unlikely, and 3, 1 is better then.
TABLE = torch.tensor(
    [
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.6, 0.4],
        [0.25, 0.25, 0.25, 0.25],
        [0.55, 0.45, 0.0, 0.0],
    ]
).log()


def step(tokens, memory, state):
    return TABLE[tokens], state, None


def followed(search, **options):
    seen = []
    own, first = watched(step, EnsembleState(), 1, seen.append)
    common = {"begin": torch.tensor([1]), "end": 0, "max_length": 5}
    found = search(own, None, first, **common, **options)
    plain = search(step, None, EnsembleState(), **common, **options)
    return seen, found, plain


def test_a_greedy_search_is_told_word_by_word():
    seen, (found,), (plain,) = followed(greedy_search)
    assert found.tokens == plain.tokens
    assert seen == [found.tokens[:n] for n in range(1, len(found.tokens))]


def test_the_best_open_prefix_of_a_beam_is_told_as_it_changes():
    seen, (found,), (plain,) = followed(beam_search, width=2, stop="best")
    assert [h.tokens for h in found] == [h.tokens for h in plain]
    assert found[0].tokens == [3, 0]
    assert seen[:2] == [[2], [3, 1]]
    assert all(len(prefix) == length for length, prefix in enumerate(seen, start=1))


def test_the_first_of_several_samples_is_told():
    torch.manual_seed(3)
    seen, (found,), _ = followed(sample, samples=4)
    first = found[0].tokens
    assert [prefix[: len(first)] for prefix in seen][: len(first) - 1] == [
        first[:n] for n in range(1, len(first))
    ]

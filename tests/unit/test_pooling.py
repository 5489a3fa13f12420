import pytest
import torch
from torch.testing import assert_close

from attention_core.parts.masks import valid_positions
from attention_core.parts.pooling import AttentionPooling
from attention_core.parts.scorers import SCORERS, Additive, Dot, build_scorer
from attention_core.parts.types import Encoded

B, S, V = 3, 4, 5


def encoded(lengths=(4, 2, 1), keys=None):
    values = torch.randn(B, S, V)
    return Encoded(values, valid_positions(torch.tensor(lengths), S), values.mean(1), None, keys)


def by_hand(energies, source):
    """The definition, word by word: energies (B, S) as they are."""
    pooled, weights = torch.zeros(B, V), torch.zeros(B, S)
    for b in range(B):
        real = [s for s in range(S) if source.valid[b, s]]
        total = sum(energies[b, s].exp() for s in real)
        for s in real:
            weights[b, s] = energies[b, s].exp() / total
            pooled[b] += weights[b, s] * source.values[b, s]
    return pooled, weights


def test_additive_pooling_is_the_word_attention_of_yang():
    torch.manual_seed(0)
    source, pooling = encoded(), AttentionPooling(Additive(3, V, 6))
    scorer = pooling.scorer
    bias = scorer.key.bias + scorer.query.weight @ pooling.query
    u = torch.tanh(source.values @ scorer.key.weight.T + bias)  # eq. 5
    assert_close(pooling(source), by_hand(u @ scorer.energy.weight[0], source))  # eq. 6 and 7


def test_dot_pooling_has_the_context_vector_for_its_query():
    torch.manual_seed(0)
    source, pooling = encoded(), AttentionPooling(Dot(V, V))
    assert_close(pooling(source), by_hand(source.values @ pooling.query, source))


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_learns_its_query(name):
    torch.manual_seed(0)
    pooling = AttentionPooling(build_scorer(name, V, V, 4))
    pooled, _ = pooling(encoded())
    pooled.square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in pooling.parameters())


def test_keys_of_their_own_are_what_the_query_meets():
    torch.manual_seed(0)
    keys, pooling = torch.randn(B, S, 2), AttentionPooling(Dot(2, 2))
    source = encoded(keys=keys)
    assert_close(pooling(source), by_hand(keys @ pooling.query, source))


def test_a_source_without_words_is_all_zeros():
    pooled, weights = AttentionPooling(Dot(V, V))(encoded((0, 4, 0)))
    assert pooled[0].tolist() == [0] * V
    assert weights.sum(1).tolist() == pytest.approx([0, 1, 0])


def test_what_does_not_fit_is_told():
    source, pooling = encoded(), AttentionPooling(Dot(V, V))
    with pytest.raises(ValueError, match=r"encoded.values: expected shape \(3, 4, 5\), got"):
        pooling(source._replace(values=torch.zeros(B, S, 2)))
    with pytest.raises(ValueError, match=r"encoded.valid: expected torch.bool of shape \(3, 4\)"):
        pooling(source._replace(valid=source.valid.long()))
    with pytest.raises(ValueError, match=r"encoded.keys: expected shape \(3, 4, 5\), got"):
        pooling(source._replace(keys=torch.zeros(B, 1, V)))
    with pytest.raises(ValueError, match="scorer: expected one without coverage"):
        AttentionPooling(Additive(3, V, 6, coverage=True))

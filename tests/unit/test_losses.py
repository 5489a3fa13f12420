"""The objective written out by hand."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import Batch, TeacherForcing

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
TARGETS = torch.tensor([[BEGIN, 5, END, PAD, PAD], [BEGIN, 3, 6, 4, END]])


def objective_of(preset="bahdanau", dropout=0.0, **options):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        vocabulary=WORDS,
        embedding=4,
        hidden=6,
        values=6,
        summary=6,
        attention=3,
        dropout=dropout,
    )
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    return TeacherForcing(model, pad=PAD, **options)


def batch_of(tokens=TARGETS):
    return Batch((SOURCE, SOURCE != PAD), tokens)


def forced(objective):
    """Log-probabilities (R, T, W) and weights (R, T, S) with the tokens up to each step."""
    memory, state = objective.model.remember(SOURCE, SOURCE != PAD)
    logits, weights = objective.model.decoder(TARGETS[:, :-1], memory, state)
    return logits.log_softmax(-1), weights


REAL = [(row, t) for row, length in ((0, 2), (1, 4)) for t in range(length)]


def test_it_is_the_negative_log_probability_of_the_real_tokens():
    objective = objective_of()
    gains, _ = forced(objective)
    loss, count = objective(batch_of())
    assert count == len(REAL) == 6
    assert_close(loss, -sum(gains[row, t, TARGETS[row, t + 1]] for row, t in REAL))


def test_label_smoothing_mixes_with_the_uniform_distribution():
    objective = objective_of(label_smoothing=0.3)
    gains, _ = forced(objective)
    expected = -sum(
        0.7 * gains[row, t, TARGETS[row, t + 1]] + 0.3 * gains[row, t].mean() for row, t in REAL
    )
    assert_close(objective(batch_of())[0], expected)


def test_named_words_are_all_that_it_is_normalised_over():
    objective = objective_of(label_smoothing=0.3)
    memory, state = objective.model.remember(SOURCE, SOURCE != PAD)
    logits, _ = objective.model.decoder(TARGETS[:, :-1], memory, state)
    words = torch.tensor([END, 3, 4, 5, 6])
    gains = logits[..., words].log_softmax(-1)
    expected = -sum(
        0.7 * gains[row, t, TARGETS[row, t + 1] - END] + 0.3 * gains[row, t].mean()
        for row, t in REAL
    )
    loss, count = objective(batch_of()._replace(words=words))
    assert count == 6
    assert_close(loss, expected)
    loss.backward()
    other = objective.model.decoder.output.grad[[PAD, BEGIN]]
    assert_close(other, torch.zeros_like(other))


def test_doubly_stochastic_asks_that_every_position_be_looked_at_once():
    objective = objective_of(doubly_stochastic=0.5)
    plain = objective_of()
    _, weights = forced(objective)
    penalty = 0.0
    for row, (steps, positions) in enumerate(((2, 3), (4, 2))):
        for s in range(positions):
            penalty = penalty + (1 - sum(weights[row, t, s] for t in range(steps))) ** 2
    assert_close(objective(batch_of())[0], plain(batch_of())[0] + 0.5 * penalty)


def test_without_attention_there_is_no_penalty():
    loss, _ = objective_of("cho", doubly_stochastic=0.5)(batch_of())
    assert_close(loss, objective_of("cho")(batch_of())[0])


def test_gradients_count_only_real_tokens(monkeypatch):
    objective = objective_of()
    features, kept = objective.model.decoder.features, []

    def keeping(*given):
        kept.append(features(*given))
        return kept[0]

    monkeypatch.setattr(objective.model.decoder, "features", keeping)
    loss, _ = objective(batch_of())
    (gradient,) = torch.autograd.grad(loss, kept[0][0])
    for row in range(2):
        for t in range(4):
            assert gradient[row, t].any() == ((row, t) in REAL)


def test_rows_of_a_source_stand_side_by_side():
    """Two targets of each source are the two batches of one target."""
    objective = objective_of(label_smoothing=0.1, doubly_stochastic=0.5)
    other = torch.tensor([[BEGIN, 3, 3, END, PAD], [BEGIN, END, PAD, PAD, PAD]])
    both = torch.stack([TARGETS, other], 1).flatten(0, 1)
    loss, count = objective(batch_of(both))
    apart = [objective(batch_of(tokens)) for tokens in (TARGETS, other)]
    assert_close(loss, apart[0][0] + apart[1][0])
    assert count == apart[0][1] + apart[1][1]


def test_each_source_needs_as_many_rows():
    with pytest.raises(ValueError, match=r"batch.tokens: expected a multiple of 2 rows, got 3"):
        objective_of()(batch_of(TARGETS[[0, 0, 1]]))


def test_two_readings_under_dropouts_of_their_own_are_asked_to_agree():
    objective = objective_of(dropout=0.4, label_smoothing=0.3, consistency=5.0)
    twice = torch.cat([SOURCE, SOURCE])
    torch.manual_seed(3)
    memory, state = objective.model.remember(twice, twice != PAD)
    logits, _ = objective.model.decoder(torch.cat([TARGETS, TARGETS])[:, :-1], memory, state)
    p, q = logits.log_softmax(-1).chunk(2)
    assert not torch.equal(p, q)
    expected = 0.0
    for row, t in REAL:
        for gains in p[row, t], q[row, t]:
            expected -= (0.7 * gains[TARGETS[row, t + 1]] + 0.3 * gains.mean()) / 2
        one, other = p[row, t], q[row, t]
        apart = (one.exp() * (one - other)).sum() + (other.exp() * (other - one)).sum()
        expected += 5 / 2 * apart / 2
    torch.manual_seed(3)
    loss, count = objective(batch_of())
    assert_close(loss, expected)
    assert count == len(REAL)


def test_readings_without_dropout_agree():
    once, twice = objective_of(), objective_of(consistency=5.0)
    assert_close(twice(batch_of()), once(batch_of()))


def test_readings_of_several_captions_of_a_picture_agree():
    """Rows of one source stay beside each other."""
    objective = objective_of(consistency=5.0)
    batch = Batch((SOURCE[:1], SOURCE[:1] != PAD), TARGETS)
    assert_close(objective(batch), objective_of()(batch))


def test_a_validation_reads_once():
    objective = objective_of(dropout=0.4, consistency=5.0).eval()
    assert_close(objective(batch_of()), objective_of(dropout=0.4).eval()(batch_of()))


@pytest.mark.parametrize("words", [[END, 3, 4, 5], [END, 3, 5, 6], [END, 3, 4, 6, 5]])
def test_a_target_that_the_batch_does_not_name_is_told(words):
    batch = batch_of()._replace(words=torch.tensor(words))
    tokens = torch.tensor([[BEGIN, 5, END], [BEGIN, 4, 6]])
    with pytest.raises(ValueError, match=r"batch.words: expected all of the targets, ascending"):
        objective_of()(batch._replace(tokens=tokens))

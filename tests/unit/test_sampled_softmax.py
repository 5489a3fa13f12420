"""The sampled softmax: every set of candidates enumerated, so that expectations are exact."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import Batch, SampledSoftmax, TeacherForcing, TrainingConfig

PAD, BEGIN, END, WORDS = 0, 1, 2, 7
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
TARGETS = torch.tensor([[BEGIN, 5, END, PAD, PAD], [BEGIN, 3, 5, 3, END]])
BATCH = Batch((SOURCE, SOURCE != PAD), TARGETS)
PROPOSAL = torch.tensor([4.0, 1.0, 9.0, 9.0, 2.0, 9.0, 1.0])
OTHERS = [0, 1, 4, 6]  # words that are no targets


class Vocabulary:
    """Stands for a decoder: scores features and notes which words it scored."""

    def __init__(self, words=WORDS):
        generator = torch.Generator().manual_seed(3)
        self.weight = torch.randn(words, 5, generator=generator, dtype=torch.float64)
        self.weight.requires_grad_()
        self.features = torch.randn(4, 5, generator=generator, dtype=torch.float64)
        self.scored = []

    def vocabulary(self, features, words):
        self.scored.append(words.tolist())
        return features @ self.weight[words].T


GIVEN = torch.tensor([5, 2, 3, 5])


def draws(monkeypatch, softmax):
    """The probability of each set of candidates, while it is the one that is drawn."""
    chances = softmax.chances(GIVEN).double()
    for drawn in product([0.0, 1.0], repeat=len(OTHERS)):
        random = torch.zeros(WORDS, dtype=torch.float64)
        random[OTHERS] = torch.tensor(drawn, dtype=torch.float64)
        monkeypatch.setattr(torch, "rand_like", lambda like, random=random: random)
        yield torch.where(random < chances, chances, 1 - chances).prod()


def full():
    """Logits, loss and gradient with all words."""
    decoder = Vocabulary()
    logits = decoder.features @ decoder.weight.T
    loss = nn.functional.cross_entropy(logits, GIVEN, reduction="sum")
    return logits.detach(), loss.detach(), torch.autograd.grad(loss, decoder.weight)[0]


@pytest.mark.parametrize("proposal", [None, PROPOSAL])
def test_chances_are_proportional_to_the_proposal_and_sure_for_targets(proposal):
    chances = SampledSoftmax(WORDS, 2, proposal).chances(GIVEN)
    assert chances[[2, 3, 5]].tolist() == [1, 1, 1]
    q = (torch.ones(WORDS) if proposal is None else proposal)[OTHERS]
    assert_close(chances[OTHERS], (2 * q / q.sum()).clamp(max=1), check_dtype=False)


@pytest.mark.parametrize("candidates", [1, 2, 3])
@pytest.mark.parametrize("proposal", [None, PROPOSAL])
def test_the_estimate_of_the_sum_over_all_words_is_unbiased(monkeypatch, candidates, proposal):
    """Where all rows have the same features, the loss is Σ_i log Ẑ - e_i with one Ẑ."""
    softmax = SampledSoftmax(WORDS, candidates, proposal)
    decoder = Vocabulary()
    rows = decoder.features[:1].expand(4, -1)
    scores = (rows[0] @ decoder.weight.T).detach()
    mean, certain = 0.0, 0.0
    for chance in draws(monkeypatch, softmax):
        loss = softmax(decoder, rows, GIVEN).detach()
        mean += chance * ((loss + scores[GIVEN].sum()) / 4).exp()
        certain += chance
    assert_close(certain, torch.ones_like(certain))
    assert_close(mean, scores.exp().sum())


@pytest.mark.parametrize("candidates", [WORDS, 10 * WORDS])
def test_with_all_words_it_is_the_softmax(candidates):
    decoder = Vocabulary()
    loss = SampledSoftmax(WORDS, candidates)(decoder, decoder.features, GIVEN)
    (gradient,) = torch.autograd.grad(loss, decoder.weight)
    _, expected, expected_gradient = full()
    assert decoder.scored == [list(range(WORDS))]
    assert_close(loss, expected)
    assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("proposal", [None, PROPOSAL])
def test_the_gradient_is_consistent(monkeypatch, proposal):
    """Its bias, which a ratio of estimates has, shrinks to nothing with more candidates."""
    _, _, exact = full()
    errors = []
    for candidates in (1, 2, 3, 4, 100):
        softmax = SampledSoftmax(WORDS, candidates, proposal)
        mean = torch.zeros_like(exact)
        for chance in draws(monkeypatch, softmax):
            decoder = Vocabulary()
            loss = softmax(decoder, decoder.features, GIVEN)
            mean += chance * torch.autograd.grad(loss, decoder.weight)[0]
        errors.append(float((mean - exact).norm() / exact.norm()))
    assert errors[0] < 0.5
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-12


def test_the_cost_grows_with_the_candidates_and_not_with_the_vocabulary():
    torch.manual_seed(0)
    scored = {}
    for words in (1000, 10_000, 100_000):
        decoder = Vocabulary(words)
        SampledSoftmax(words, 100)(decoder, decoder.features, GIVEN)
        scored[words] = len(decoder.scored[0])
    assert all(60 < count < 140 for count in scored.values())


def model_of():
    torch.manual_seed(0)
    sizes = DecoderSizes(vocabulary=WORDS, embedding=4, hidden=6, values=6, summary=6, attention=3)
    decoder = build_decoder("luong", sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    return model


def test_an_objective_with_all_candidates_is_teacher_forcing():
    model = model_of()
    config = TrainingConfig(epochs=1, sampled_softmax=WORDS)
    loss, count = TeacherForcing.of(config, model, pad=PAD)(BATCH)
    expected, expected_count = TeacherForcing(model, pad=PAD)(BATCH)
    assert_close(loss, expected)
    assert count == expected_count


def test_a_recipe_asks_for_so_many_candidates():
    objective = TeacherForcing.of(TrainingConfig(epochs=1, sampled_softmax=3), model_of())
    assert objective.sampled_softmax.candidates == 3
    assert TeacherForcing.of(TrainingConfig(epochs=1), model_of()).sampled_softmax is None


def test_a_validation_uses_all_words():
    model = model_of()
    objective = TeacherForcing(model, pad=PAD, sampled_softmax=SampledSoftmax(WORDS, 1)).eval()
    assert_close(objective(BATCH)[0], TeacherForcing(model, pad=PAD)(BATCH)[0])


def test_it_adds_nothing_to_the_saved_state():
    model = model_of()
    objective = TeacherForcing(model, pad=PAD, sampled_softmax=SampledSoftmax(WORDS, 1))
    assert objective.state_dict().keys() == TeacherForcing(model, pad=PAD).state_dict().keys()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="candidates: expected at least 1, got 0"):
        SampledSoftmax(WORDS, 0)
    for wrong in (torch.ones(WORDS - 1), torch.zeros(WORDS)):
        with pytest.raises(ValueError, match=r"proposal: expected \(7,\), all above zero"):
            SampledSoftmax(WORDS, 1, wrong)

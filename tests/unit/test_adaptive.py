"""The adaptive softmax against Grave et al.'s equations, and inside a decoder."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from attention_core.errors import UserError
from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.adaptive import AdaptiveSoftmax
from attention_core.parts.encoders import TextEncoder
from attention_core.search import beam_search
from attention_core.training import Batch, SampledSoftmax, TeacherForcing

PAD, BEGIN, END, WORDS = 0, 1, 2, 9
SOURCE = torch.tensor([[3, 4, 5], [6, 3, PAD]])
TARGETS = torch.tensor([[BEGIN, 5, END, PAD, PAD], [BEGIN, 3, 8, 4, END]])
BATCH = Batch((SOURCE, SOURCE != PAD), TARGETS)
FREQUENCIES = torch.tensor([0, 7, 9, 1, 3, 8, 2, 3, 5])
RANKED = [2, 5, 1, 8, 4, 7, 6, 3, 0]  # by falling frequency, the first of equal ones first


def softmax_of(size=16, words=WORDS, cutoffs=(2, 5)):
    torch.manual_seed(0)
    return AdaptiveSoftmax(size, words, cutoffs).double()


def by_hand(softmax, features, ranked):
    """p(w) from the head and the clusters, word for word."""
    head = softmax.softmax.head(features).softmax(-1)
    first, second = (part(features).softmax(-1) for part in softmax.softmax.tail)
    found = torch.zeros(len(features), WORDS, dtype=torch.float64)
    for place, word in enumerate(ranked):
        if place < 2:
            found[:, word] = head[:, place]
        elif place < 5:
            found[:, word] = head[:, 2] * first[:, place - 2]
        else:
            found[:, word] = head[:, 3] * second[:, place - 5]
    return found


@pytest.mark.parametrize("ranked", [list(range(WORDS)), RANKED])
def test_it_is_the_head_times_the_cluster(ranked):
    softmax = softmax_of()
    if ranked is RANKED:
        softmax.rank_by(FREQUENCIES)
    features = torch.randn(3, 16, dtype=torch.float64)
    found = softmax(features).exp()
    assert_close(found, by_hand(softmax, features, ranked))
    assert_close(found.sum(-1), torch.ones(3, dtype=torch.float64))


def test_single_words_have_the_log_probabilities_that_all_have():
    softmax = softmax_of()
    softmax.rank_by(FREQUENCIES)
    features = torch.randn(WORDS, 16, dtype=torch.float64)
    words = torch.arange(WORDS)
    assert_close(softmax.of(features, words), softmax(features)[words, words])
    assert softmax.of(features[:0], words[:0]).shape == (0,)


def test_any_number_of_axes():
    softmax = softmax_of()
    features = torch.randn(2, 3, 16, dtype=torch.float64)
    assert_close(softmax(features)[1, 2], softmax(features[1, 2][None])[0])


def test_a_training_step_scores_clusters_for_their_own_words_alone():
    """Rows that reach each matrix: all the head, and a cluster those of its targets."""
    softmax = softmax_of()
    rows = []
    for part in [softmax.softmax.head, *softmax.softmax.tail]:
        part.register_forward_hook(lambda module, given, _: rows.append(len(given[0])))
    softmax.of(torch.randn(6, 16, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 4, 0]))
    assert sorted(rows) == [1, 6]  # no row for the last cluster


def test_half_precision_around_it_is_left_outside():
    softmax = softmax_of().float()
    features = torch.randn(4, 16)
    targets = torch.tensor([0, 3, 8, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = features.bfloat16()
        assert_close(softmax.of(half, targets), softmax(half)[range(4), targets])
    assert_close(softmax(features.bfloat16()), softmax(features), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("cutoffs", [(), (0, 2), (3, 2), (2, 2), (2, WORDS)])
def test_cutoffs_rise_within_the_vocabulary(cutoffs):
    with pytest.raises(UserError, match=r"cutoffs: expected whole numbers that rise from 1 to"):
        softmax_of(cutoffs=cutoffs)


def test_small_features_are_not_divided_to_nothing():
    with pytest.raises(UserError, match=r"cutoffs: 2 of them need features of size 16 or more"):
        softmax_of(size=15)


def model_of(**changes):
    torch.manual_seed(0)
    sizes = DecoderSizes(
        **{
            "vocabulary": WORDS,
            "embedding": 16,
            "hidden": 6,
            "values": 6,
            "summary": 6,
            "attention": 3,
            "cutoffs": (2, 5),
            **changes,
        }
    )
    decoder = build_decoder("bahdanau", sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder).double()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.7)
    decoder.adaptive.rank_by(FREQUENCIES)
    return model


def test_a_decoder_gives_log_probabilities():
    model = model_of()
    memory, state = model.remember(*BATCH.source)
    logits, _, _ = model.decoder.step(torch.tensor([BEGIN, BEGIN]), memory, state)
    assert_close(logits, logits.log_softmax(-1))
    features, _ = model.decoder.features(TARGETS, memory, state)
    some = torch.tensor([7, 2])
    assert_close(
        model.decoder.vocabulary(features, some), model.decoder.vocabulary(features)[..., some]
    )


def test_a_decoder_has_no_other_output_matrix():
    names = {name for name, _ in model_of().decoder.named_parameters()}
    assert "adaptive.softmax.head.weight" in names
    assert not {"output", "bias"} & names


def test_the_objective_is_the_full_softmaxs():
    model = model_of()
    loss, count = TeacherForcing(model, pad=PAD)(BATCH)
    memory, state = model.remember(*BATCH.source)
    gains = model.decoder(TARGETS[:, :-1], memory, state)[0]
    real = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3)]
    assert_close(loss, -sum(gains[row, t, TARGETS[row, t + 1]] for row, t in real))
    assert count == len(real)
    loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_the_objective_takes_the_cheap_path(monkeypatch):
    model = model_of()
    monkeypatch.setattr(model.decoder.adaptive, "forward", None)  # which scores all words
    assert TeacherForcing(model, pad=PAD)(BATCH)[0].isfinite()


def test_search_goes_on_it():
    model = model_of().eval()
    options = {"begin": torch.tensor([BEGIN, BEGIN]), "end": END, "max_length": 4, "width": 3}
    found = beam_search(model.decoder.step, *model.remember(*BATCH.source), **options)
    memory, state = model.remember(*BATCH.source)
    for source, ranked in enumerate(found):
        for hypothesis in ranked:
            tokens = torch.tensor([[BEGIN, *hypothesis.tokens[:-1]]] * 2)
            gains = model.decoder(tokens, memory, state)[0][source]
            steps = range(len(hypothesis.tokens))
            assert hypothesis.log_probabilities == pytest.approx(
                gains[steps, hypothesis.tokens].tolist()
            )


def test_what_excludes_what_is_told():
    with pytest.raises(UserError, match="tied: an adaptive softmax has matrices of its own"):
        model_of(tied=True)
    with pytest.raises(UserError, match="label_smoothing: it needs all words, and the softmax is"):
        TeacherForcing(model_of(), label_smoothing=0.1)
    with pytest.raises(UserError, match="sampled_softmax: the model's softmax is adaptive already"):
        TeacherForcing(model_of(), sampled_softmax=SampledSoftmax(WORDS, 3))


@torch.no_grad()
def test_a_step_is_one_graph():
    decoder = (model := model_of().eval()).decoder
    memory, state = model.remember(*BATCH.source)
    compiled = torch.compile(decoder.step, backend="eager", fullgraph=True)
    tokens = torch.tensor([BEGIN, BEGIN])
    assert_close(compiled(tokens, memory, state)[0], decoder.step(tokens, memory, state)[0])


def test_every_word_has_a_frequency():
    with pytest.raises(ValueError, match=r"frequencies: expected shape \(9,\), got"):
        softmax_of().rank_by(torch.ones(1))

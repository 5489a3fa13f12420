"""A search over a short list finds what the restricted search over all words finds."""

import pytest
import torch

from attention_core.models import PRESETS, DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.search import Shortlist, beam_search, restricted

WORDS, BEGIN, END = 23, 1, 2
LISTED = torch.tensor([2, 4, 5, 9, 11, 16, 22])
OPTIONS = {"max_length": 7, "width": 4}


@pytest.mark.parametrize("cutoffs", [(), (5, 11)], ids=["softmax", "adaptive"])
@pytest.mark.parametrize("preset", PRESETS)
def test_same_hypotheses_as_over_all_words(preset, cutoffs):
    torch.manual_seed(3)
    sizes = DecoderSizes(
        vocabulary=WORDS,
        embedding=16,
        hidden=16,
        values=16,
        summary=16,
        attention=3,
        cutoffs=cutoffs,
    )
    decoder = build_decoder(preset, sizes)
    model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 8), decoder).double().eval()
    source = torch.tensor([[3, 4, 5], [6, 3, 0]])
    memory, state = model.remember(source, source != 0)
    allowed = torch.isin(torch.arange(WORDS), LISTED)
    expected = beam_search(
        restricted(decoder.step, allowed),
        memory,
        state,
        begin=torch.tensor([BEGIN, BEGIN]),
        end=END,
        **OPTIONS,
    )
    short = Shortlist(LISTED, BEGIN)
    found = beam_search(
        short.step(decoder.step),
        memory,
        state,
        begin=torch.full((2,), short.begin),
        end=short.place(END),
        **OPTIONS,
    )
    for ranked, like in zip(found, expected, strict=True):
        assert [short.restored(h).tokens for h in ranked] == [h.tokens for h in like]
        assert [h.score for h in ranked] == pytest.approx([h.score for h in like], abs=1e-12)


def test_a_word_that_is_not_listed_has_no_place():
    with pytest.raises(ValueError, match="word: expected one of the list's 7, got 3"):
        Shortlist(LISTED, BEGIN).place(3)

import torch
from tiny import WORDS, every_model, sources, tiny_model, words
from torch.testing import assert_close


@every_model
def test_later_tokens_change_nothing_before_them(preset, cell):
    model, tokens = tiny_model(preset, cell), words(2, 6)
    memory, state = model.remember(*sources(4, 2))
    logits, weights = model.decoder(tokens, memory, state)
    for t in range(1, 6):
        changed = torch.cat([tokens[:, :t], (tokens[:, t:] + 1) % WORDS], 1)
        others, looked = model.decoder(changed, memory, state)
        assert_close(others[:, :t], logits[:, :t])
        assert not torch.isclose(others[:, t], logits[:, t]).all(-1).any()
        if weights is not None:
            assert_close(looked[:, :t], weights[:, :t])

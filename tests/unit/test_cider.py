"""The reward is CIDEr-D as pycocoevalcap computes it."""

import pytest
import torch

from attention_core.tokenizer import Tokenizer
from captioner.cider import Cider
from captioner.reward import CiderReward

REFERENCES = {
    "a": ["a dog runs on the beach", "the brown dog is running"],
    "b": ["two men sit in a boat", "men in a red boat on water"],
    "c": ["a girl in a red dress", "a small girl jumps"],
}
CAPTIONS = {
    "a": "a dog is running on a beach",
    "b": "two men in a boat",
    "c": "a girl a girl a girl",
}


def test_it_equals_the_coco_metric():
    from pycocoevalcap.cider.cider import Cider as CocoCider

    _, expected = CocoCider().compute_score(
        REFERENCES, {name: [caption] for name, caption in CAPTIONS.items()}
    )
    cider = Cider(REFERENCES.values())
    found = [
        cider.score(cider.vector(caption), [cider.vector(line) for line in REFERENCES[name]])
        for name, caption in CAPTIONS.items()
    ]
    assert found == pytest.approx(list(expected))
    assert max(found) > 0.5


def test_the_reward_prefers_the_reference_and_a_caption_with_an_end():
    lines = [line for captions in REFERENCES.values() for line in captions]
    tokenizer = Tokenizer.train(lines * 20, vocabulary=300, languages=["en"])
    reward = CiderReward(REFERENCES.values(), tokenizer)
    truth, other = ([*tokenizer.encode(line), tokenizer.eos] for line in (lines[0], lines[4]))
    rewards = reward([[truth, truth[:-1], other]], [[truth]])
    assert rewards.shape == (1, 3)
    assert rewards[0, 0] == pytest.approx(10.0)
    assert torch.all(rewards[0, :-1] > rewards[0, 1:])

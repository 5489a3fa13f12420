"""The running example: a tiny model of "noun verb noun" sentences, with each of the scorers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from attention_core.errors import UserError, nearest
from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import Batch, TeacherForcing

NOUNS = {"cat": "猫", "dog": "狗", "mouse": "老鼠", "bird": "鸟"}
VERBS = {"chase": "捉", "see": "看见", "love": "爱"}
CHINESE = NOUNS | VERBS
SENTENCE = ("cat", "chase", "mouse")  # never trained on
VOCABULARY = ["<pad>", "<s>", "</s>", *CHINESE, *CHINESE.values()]
BEGIN, END = 1, 2
SEED, UPDATES = 12, 300
WEIGHTS = Path(__file__).with_name("example.safetensors")


def read(text: str) -> Tensor:
    """The ids (1, 3) of three words that the model knows.

    Raises UserError for another text.

    >>> read("Cat chase mouse.").tolist()
    [[3, 7, 5]]
    """
    words = text.lower().strip(" .!?").split()
    for word in words:
        if word not in CHINESE:
            raise UserError(f"the tiny model doesn't know {word!r}.{nearest(word, CHINESE)}")
    pattern = [word in NOUNS for word in words]
    if pattern != [True, False, True]:
        raise UserError('the tiny model takes "noun verb noun", such as "cat chase mouse"')
    return _ids([tuple(words)])


def _ids(sentences: Sequence[tuple[str, ...]]) -> Tensor:
    return torch.tensor([[VOCABULARY.index(word) for word in words] for words in sentences])


@cache
def trained(scorer: str) -> Seq2Seq:
    """The model with that scorer, of the weights that ``train`` comes to.

    With the additive scorer its numbers are those of the worked example in the documentation.

    >>> sum(weight.numel() for weight in trained("additive").parameters())
    395
    """
    model = _untrained(scorer)
    weights = load_file(WEIGHTS)
    prefix = f"{scorer}."
    own = {name.removeprefix(prefix): weights[name] for name in weights if name.startswith(prefix)}
    model.load_state_dict(own)
    return model.eval()


def train(scorer: str) -> Seq2Seq:
    """All sentences of two different nouns but one, 300 updates, seed 12, in float64.

    It takes seconds, but on a busy machine too many to wait for, so the weights ship.
    """
    english = [words for words in product(NOUNS, VERBS, NOUNS) if words[0] != words[2]]
    english.remove(SENTENCE)
    source = _ids(english)
    target = _ids([("<s>", *(CHINESE[word] for word in words), "</s>") for words in english])
    batch = Batch((source, source > 0), target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = _untrained(scorer)
        objective = TeacherForcing(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.03, weight_decay=0.002)
        for _ in range(UPDATES):
            loss, count = objective(batch)
            optimizer.zero_grad()
            (loss / count).backward()
            optimizer.step()
    return model


def _untrained(scorer: str) -> Seq2Seq:
    sizes = DecoderSizes(
        vocabulary=len(VOCABULARY),
        embedding=4,
        hidden=4,
        values=4,
        summary=4,
        attention=3,
        cell="tanh",
        scorer=scorer,
    )
    decoder = build_decoder("bahdanau", sizes)
    return Seq2Seq(TextEncoder(decoder.embedding, "tanh", 2), decoder).double()

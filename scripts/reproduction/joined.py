"""Sentences joined to any length, to learn from and to be tested on."""

from collections.abc import Sequence

import numpy as np

from attention_core.training import bucketed
from attention_core.translation.corpora import Pair
from attention_core.translation.learner import Ids, TranslateLearner

LONGEST = 130  # tokens of a joined source or target


class JoiningLearner(TranslateLearner):
    """Learns from each sentence once an epoch, joined with others to lengths of all kinds."""

    def batches(self, epoch: int) -> Sequence[list[Ids]]:
        seed = self.recipe.seed * 1000 + epoch
        generator = np.random.default_rng(seed)
        single = [pair for batch in super().batches(epoch) for pair in batch]
        pairs: list[Ids] = []
        most = 0
        for i in generator.permutation(len(single)):
            (source, target), joined = single[i], pairs[-1] if pairs else ([], [])
            if most and max(len(joined[0]) + len(source), len(joined[1]) + len(target)) <= most:
                pairs[-1] = join(joined, (source, target))
            else:
                pairs.append((source, target))
                most = int(generator.integers(1, LONGEST))
        lengths = [max(map(len, pair)) for pair in pairs]
        batches = bucketed(lengths, self.recipe.training.batch_tokens, seed)
        return [[pairs[i] for i in batch] for batch in batches]


def join(first: Ids, second: Ids) -> Ids:
    """One pair of two: only one end, and only one first token."""
    return [*first[0][:-1], *second[0]], [*first[1][:-1], *second[1][1:]]


def joined_to(pairs: Sequence[Pair], words: int) -> list[Pair]:
    """Held-out sentences joined, in their order, to sources of about so many words each."""
    found: list[Pair] = []
    held: list[Pair] = []
    for pair in pairs:
        held.append(pair)
        if sum(len(p.source.split()) for p in held) >= words - 4:
            found.append(
                Pair(
                    " ".join(p.source for p in held),
                    " ".join(p.target for p in held),
                    pair.language,
                )
            )
            held = []
    return found

"""The softmax of a very large vocabulary, in clusters by frequency."""

import torch
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.parts.checks import check


class AdaptiveSoftmax(nn.Module):
    """p(w) = p_head(w) for a frequent word, p_head(cluster) · p_cluster(w) for a rare one.

    Words rank by falling frequency. Those before the first cutoff are in the head, with one entry
    for each cluster; cluster i goes from cutoff i to the next and is scored through features
    of a 4^i-th of the size. A training step scores the head for all positions and a cluster for
    its own words alone. Grave et al. 2017, §4; computed by ``nn.AdaptiveLogSoftmaxWithLoss``.

    Words rank as they are numbered, until ``rank_by`` is told of their frequencies.

    Shapes: features (..., R'), W = ``words``.

    Raises UserError where the cutoffs don't rise from 1 to W - 1 or the features are too small to
    be divided so often.

    >>> softmax = AdaptiveSoftmax(16, words=1000, cutoffs=(50, 200))
    >>> [round(total, 3) for total in softmax(torch.ones(2, 16)).exp().sum(-1).tolist()]
    [1.0, 1.0]
    """

    rank: Tensor  # (W,) of each word

    def __init__(self, size: int, words: int, cutoffs: tuple[int, ...]) -> None:
        super().__init__()
        rising = list(cutoffs) == sorted(set(cutoffs))
        if not (cutoffs and rising and cutoffs[0] > 0 and cutoffs[-1] < words):
            raise UserError(
                f"cutoffs: expected whole numbers that rise from 1 to at most {words - 1},"
                f" got {list(cutoffs)}"
            )
        if size < 4 ** len(cutoffs):
            raise UserError(
                f"cutoffs: {len(cutoffs)} of them need features of size"
                f" {4 ** len(cutoffs)} or more, got {size}"
            )
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(size, words, cutoffs)
        self.register_buffer("rank", torch.arange(words))

    def rank_by(self, frequencies: Tensor) -> None:
        """Rank the words by how often they occur, (W,): before training, not after.

        Raises ValueError where there is not one frequency for each word.
        """
        check("frequencies", frequencies, self.rank.numel())
        self.rank.copy_(frequencies.argsort(descending=True, stable=True).argsort())

    def forward(self, features: Tensor) -> Tensor:
        """Log-probabilities of all words: (..., R') -> (..., W)."""
        with torch.autocast(features.device.type, enabled=False):
            rows = _precise(features).flatten(0, -2)
            ranked: Tensor = self.softmax.log_prob(rows)
            found: Tensor = ranked[:, self.rank].unflatten(0, features.shape[:-1])
            return found

    def of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Log-probabilities of one word each, without scoring all: (n, R'), (n,) -> (n,)."""
        with torch.autocast(features.device.type, enabled=False):
            rows = _precise(features)
            found: Tensor = self.softmax(rows, self.rank[targets]).output
            return found


def _precise(features: Tensor) -> Tensor:
    """In at least float32, whatever a training in bfloat16 made of them."""
    return features.to(torch.promote_types(features.dtype, torch.float32))

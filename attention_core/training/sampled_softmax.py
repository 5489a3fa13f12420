"""The softmax over a very large vocabulary, estimated from a part of it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.parts.decoder import RecurrentDecoder


class SampledSoftmax(nn.Module):
    """L = -Σ_i log p̂(y_i),  p̂(y) = exp(e_y) / Σ_{w in C} exp(e_w - log π_w).

    The candidates C are all target words of the batch, for which π = 1, and each other word with
    its own probability π_w = min(1, n q_w / Σ q), n = ``candidates``, q = ``proposal`` (summed
    over the other words; None is uniform). So the sum over C is an unbiased estimate of that over
    all words, the gradient is consistent in n, and with n = W and a uniform q it is the softmax.

    Jean et al. 2014, §3.1 (eq. 9: the correction e_w - log Q(w)) and §3.2 (candidates that hold
    the target words). Departure: the candidates are drawn anew for every batch.

    Cost: the vocabulary is scored for |C| words instead of W. It is a training loss alone:
    search uses all words.

    Raises ValueError where ``candidates`` is less than 1 or a word can't be drawn.

    >>> softmax = SampledSoftmax(50_000, candidates=500)
    >>> chances = softmax.chances(torch.tensor([7, 7, 9]))
    >>> chances[7].item(), round(chances.sum().item())
    (1.0, 502)
    """

    proposal: Tensor

    def __init__(self, words: int, candidates: int, proposal: Tensor | None = None) -> None:
        super().__init__()
        if candidates < 1:
            raise ValueError(f"candidates: expected at least 1, got {candidates}")
        proposal = torch.ones(words) if proposal is None else proposal.float()
        if proposal.shape != (words,) or not bool((proposal > 0).all()):
            raise ValueError(f"proposal: expected ({words},), all above zero, got {proposal}")
        self.candidates = candidates
        self.register_buffer("proposal", proposal, persistent=False)

    def chances(self, targets: Tensor) -> Tensor:
        """π (W,): the probability of each word to be a candidate beside ``targets`` (n,)."""
        other = self.proposal.index_fill(0, targets, 0.0)
        chances = (other * (self.candidates / other.sum())).clamp(max=1.0)
        return chances.index_fill(0, targets, 1.0)

    def forward(self, decoder: RecurrentDecoder, features: Tensor, targets: Tensor) -> Tensor:
        """The loss, summed: features (n, R') of the decoder's readout, targets (n,)."""
        chances = self.chances(targets)
        words = (torch.rand_like(chances) < chances).nonzero()[:, 0]
        logits = decoder.vocabulary(features, words)
        corrected = logits - chances[words].log().to(logits.dtype)
        return F.cross_entropy(corrected, torch.searchsorted(words, targets), reduction="sum")

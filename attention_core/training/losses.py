"""The training objective."""

import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.models import Seq2Seq
from attention_core.training.batching import Batch


class TeacherForcing(nn.Module):
    """L = -Σ_t log p(y_t | y_<t, x), with label smoothing and the doubly stochastic penalty.

    Label smoothing (Szegedy et al. 2016, §7) mixes the target with the uniform distribution. The
    penalty λ Σ_s (1 - Σ_t α_ts)² (Xu et al. 2015, eq. 14) asks that every position be looked at;
    it counts real steps and positions only.
    """

    def __init__(
        self,
        model: Seq2Seq,
        *,
        pad: int = 0,
        label_smoothing: float = 0.0,
        doubly_stochastic: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.pad = pad
        self.label_smoothing = label_smoothing
        self.doubly_stochastic = doubly_stochastic

    def forward(self, batch: Batch) -> tuple[Tensor, int]:
        """The loss summed over the batch's target tokens, in nats, and their number.

        Raises ValueError where the target rows are not as many for each source.
        """
        memory, state = self.model.remember(*batch.source)
        rows, sources = batch.tokens.size(0), memory.valid.size(0)
        if rows % sources:
            raise ValueError(f"batch.tokens: expected a multiple of {sources} rows, got {rows}")
        state = state.repeated(rows // sources)
        inputs, targets = batch.tokens[:, :-1], batch.tokens[:, 1:]
        real = targets != self.pad
        features, weights = self.model.decoder.features(inputs, memory, state)
        # Only real positions are scored against the vocabulary.
        logits = self.model.decoder.vocabulary(features[real])
        loss = F.cross_entropy(
            logits, targets[real], reduction="sum", label_smoothing=self.label_smoothing
        )
        if self.doubly_stochastic and weights is not None:
            looked = (weights * real[..., None]).sum(1)  # (R, S)
            valid = memory.valid.repeat_interleave(rows // sources, 0)
            loss = loss + self.doubly_stochastic * ((1 - looked).square() * valid).sum()
        return loss, int(real.sum())

"""The training objective."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.models import Seq2Seq
from attention_core.parts.types import DecoderState, Memory
from attention_core.search.step import precise
from attention_core.training.batching import Batch
from attention_core.training.config import ScheduledSampling, TrainingConfig
from attention_core.training.sampled_softmax import SampledSoftmax
from attention_core.training.scheduled_sampling import mixed_inputs


class Objective(nn.Module):
    """What training minimises: batch -> loss summed over target tokens, in nats, their number.

    >>> import torch
    >>> class Distance(Objective):
    ...     def forward(self, batch):
    ...         return batch.tokens.abs().sum(), batch.tokens.numel()
    >>> Distance()(Batch((), torch.tensor([[3, -4]])))
    (tensor(7), 2)
    """

    update: int = 0  # updates made so far; the loop keeps it


class TeacherForcing(Objective):
    """L = -Σ_t log p(y_t | y_<t, x), with label smoothing and the doubly stochastic penalty.

    Label smoothing (Szegedy et al. 2016, §7) mixes the target with the uniform distribution. The
    penalty λ Σ_s (1 - Σ_t α_ts)² (Xu et al. 2015, eq. 14) asks that every position be looked at;
    it counts real steps and positions only. With ``scheduled_sampling`` the model reads some of
    its own samples instead of y_<t. With ``sampled_softmax`` p is normalised over candidates.

    ``consistency`` α reads a batch twice, p and q under dropouts of their own, and asks the two to
    agree (R-Drop, Liang et al. 2021, eq. 4, halved so that it weighs as much as one reading):
    L = ½ [L(p) + L(q)] + ½ α Σ_t ½ [KL(p_t ‖ q_t) + KL(q_t ‖ p_t)].

    A batch that names the ``words`` that its targets can be is normalised over these alone, unless
    the softmax leaves words out: a sampled one has its candidates, and a decoder with an adaptive
    one scores each position's cluster.

    >>> import torch
    >>> from attention_core import DecoderSizes, TextEncoder, build_decoder
    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> decoder = build_decoder("luong", sizes)
    >>> model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder)
    >>> source = torch.tensor([[3, 4, 5], [6, 0, 0]])
    >>> batch = Batch((source, source > 0), torch.tensor([[1, 7, 2], [1, 2, 0]]))
    >>> loss, count = TeacherForcing(model, label_smoothing=0.1)(batch)
    >>> loss.shape, count
    (torch.Size([]), 3)

    Raises UserError where label smoothing or consistency, which need all words, go with a softmax
    that leaves words out, or where that would be sampled and adaptive at once.
    """

    def __init__(
        self,
        model: Seq2Seq,
        *,
        pad: int = 0,
        label_smoothing: float = 0.0,
        doubly_stochastic: float = 0.0,
        scheduled_sampling: ScheduledSampling | None = None,
        sampled_softmax: SampledSoftmax | None = None,
        consistency: float = 0.0,
    ) -> None:
        super().__init__()
        adaptive = model.decoder.adaptive is not None
        of_all = {"label_smoothing": label_smoothing, "consistency": consistency}
        if adaptive or sampled_softmax:
            kind = "adaptive" if adaptive else "sampled"
            for name in filter(of_all.get, of_all):
                raise UserError(f"{name}: it needs all words, and the softmax is {kind}")
        if adaptive and sampled_softmax:
            raise UserError("sampled_softmax: the model's softmax is adaptive already: drop one")
        self.model = model
        self.pad = pad
        self.label_smoothing = label_smoothing
        self.doubly_stochastic = doubly_stochastic
        self.scheduled_sampling = scheduled_sampling
        self.sampled_softmax = sampled_softmax
        self.consistency = consistency

    @classmethod
    def of(
        cls,
        config: TrainingConfig,
        model: Seq2Seq,
        *,
        pad: int = 0,
        frequencies: Tensor | None = None,
    ) -> "TeacherForcing":
        """The objective that a recipe asks for.

        ``frequencies`` (W,) of the target words, where known, are what candidates are drawn by.
        """
        sampled = None
        if config.sampled_softmax:
            words = model.decoder.embedding.num_embeddings
            proposal = None if frequencies is None else frequencies + 1.0
            sampled = SampledSoftmax(words, config.sampled_softmax, proposal)
        return cls(
            model,
            pad=pad,
            label_smoothing=config.label_smoothing,
            doubly_stochastic=config.doubly_stochastic,
            scheduled_sampling=config.scheduled_sampling,
            sampled_softmax=sampled,
            consistency=config.consistency,
        )

    def forward(self, batch: Batch) -> tuple[Tensor, int]:
        """The loss summed over the batch's target tokens, in nats, and their number.

        Raises ValueError where the target rows are not as many for each source, or a target is not
        among the batch's words.
        """
        batch = batch.to(self.model.device)
        if self.consistency and self.training:
            return self._twice(batch)
        loss, real, _ = self._read(batch)
        return loss, int(real.sum())

    def _twice(self, batch: Batch) -> tuple[Tensor, int]:
        """Both readings, in one batch; they are halved, as their tokens are the same."""
        inputs = batch.tokens[:, :-1]
        if self.scheduled_sampling is not None:
            with torch.no_grad():
                inputs = self._inputs(batch, *self._remembered(batch))
        source = tuple(torch.cat([x, x]) for x in batch.source)
        both = Batch(source, torch.cat([batch.tokens, batch.tokens]), batch.words)
        loss, real, logits = self._read(both, torch.cat([inputs, inputs]))
        assert logits is not None  # the softmax is of all words
        p, q = precise(logits).log_softmax(-1).chunk(2)  # the real positions of each reading
        apart = ((p.exp() - q.exp()) * (p - q)).sum()  # KL(p ‖ q) + KL(q ‖ p)
        return (loss + self.consistency * apart / 2) / 2, int(real.sum()) // 2

    def _read(
        self, batch: Batch, inputs: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The loss, where targets are real (R, T), and the logits there, if of all words (n, W)."""
        memory, state = self._remembered(batch)
        if inputs is None:
            inputs = self._inputs(batch, memory, state)
        targets = batch.tokens[:, 1:]
        real = targets != self.pad
        features, weights = self.model.decoder.features(inputs, memory, state)
        loss, logits = self._surprise(features[real], targets[real], batch.words)
        if self.doubly_stochastic and weights is not None:
            looked = (weights * real[..., None]).sum(1)  # (R, S)
            valid = memory.valid.repeat_interleave(len(looked) // len(memory.valid), 0)
            loss = loss + self.doubly_stochastic * ((1 - looked).square() * valid).sum()
        return loss, real, logits

    def _remembered(self, batch: Batch) -> tuple[Memory, DecoderState]:
        """The sources' memory, and a state for each target row."""
        memory, state = self.model.remember(*batch.source)
        return memory, state.repeated(batch.rows_of(len(memory.valid)))

    def _inputs(self, batch: Batch, memory: Memory, state: DecoderState) -> Tensor:
        """What is read (R, T): the targets before, some of them replaced in scheduled sampling."""
        inputs = batch.tokens[:, :-1]
        if self.scheduled_sampling is None or not self.training:
            return inputs
        probability = self.scheduled_sampling.probability(self.update)
        if probability == 1:
            return inputs
        decoder = self.model.decoder
        return mixed_inputs(decoder, inputs, memory, state, probability, batch.words)

    def _surprise(
        self, features: Tensor, targets: Tensor, words: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """-Σ log p of the real positions alone: features (n, R'), targets (n,); their logits."""
        decoder = self.model.decoder
        if decoder.adaptive is not None:
            return -decoder.adaptive.of(features, targets).sum(), None
        if self.sampled_softmax is not None and self.training:
            return self.sampled_softmax(decoder, features, targets), None
        logits = decoder.vocabulary(features, words)
        if words is not None:
            targets = _places(targets, words)
        loss = F.cross_entropy(
            logits, targets, reduction="sum", label_smoothing=self.label_smoothing
        )
        return loss, logits


def _places(targets: Tensor, words: Tensor) -> Tensor:
    """Where the targets are among the words."""
    places = torch.searchsorted(words, targets).clamp(max=len(words) - 1)
    if not torch.equal(words[places], targets):
        raise ValueError("batch.words: expected all of the targets, ascending, got some without")
    return places

"""Training on a reward of whole sequences, such as the metric that they are judged by."""

from collections.abc import Callable

import torch
from torch import Tensor

from attention_core.models import Seq2Seq
from attention_core.parts.checks import check
from attention_core.parts.types import DecoderState, Memory
from attention_core.search import Hypothesis, Shortlist, Step, sample
from attention_core.search.step import precise
from attention_core.training.batching import Batch, pad
from attention_core.training.losses import Objective, TeacherForcing
from attention_core.training.modes import evaluating

Sequences = list[list[list[int]]]  # for each source, some sequences of ids
Reward = Callable[[Sequences, Sequences], Tensor]  # samples, references -> (B, N)


class SelfCritical(Objective):
    """L = -Σ_n (r_n - b_n) Σ_t log p(y_nt | y_n<t, x), for N samples y_n of each source.

    The baseline b_n is the mean reward of the source's other samples. Rennie et al. 2017, §3; the
    baseline: Luo 2020, §2. ``reward`` compares samples with references, both without first token
    and padding; any metric will do. The batch's target rows are the references.

    A sample ends after as many tokens as the longest reference of the batch has, and at most
    ``max_length``: what goes on for longer has little to earn, and much to compute. Where the
    batch names the ``words`` that its targets can be, p is of these alone.

    The samples are drawn without dropout in the decoder, and scored with it. Only the masks of
    variational dropout, which last for a sequence, are the same in both.

    ``cross_entropy`` λ adds λ times the summed loss of ``TeacherForcing`` on the references, as
    Ranzato et al. 2016, §3.2 keep the model near the language that it has learnt.

    Raises ValueError for less than 2 samples, as each is judged by the others, and where the
    rewards are not (B, N).

    >>> from attention_core import DecoderSizes, TextEncoder, build_decoder
    >>> sizes = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
    >>> decoder = build_decoder("luong", sizes)
    >>> model = Seq2Seq(TextEncoder(decoder.embedding, "gru", 3), decoder)
    >>> def brevity(drawn, references):
    ...     return torch.tensor([[1 / len(row) for row in samples] for samples in drawn])
    >>> objective = SelfCritical(model, brevity, max_length=5, end=2)
    >>> source = torch.tensor([[3, 4, 5], [6, 0, 0]])
    >>> loss, count = objective(Batch((source, source > 0), torch.tensor([[1, 7, 2], [1, 2, 0]])))
    >>> 2 * 5 <= count <= 2 * 5 * 5  # tokens of five samples for each source
    True
    """

    def __init__(
        self,
        model: Seq2Seq,
        reward: Reward,
        *,
        samples: int = 5,
        max_length: int,
        end: int,
        pad: int = 0,
        cross_entropy: float = 0.0,
    ) -> None:
        super().__init__()
        if samples < 2:
            raise ValueError(
                f"samples: expected at least 2, as each is judged by the others, got {samples}"
            )
        self.model = model
        self.reward = reward
        self.samples = samples
        self.max_length = max_length
        self.end = end
        self.pad = pad
        self.cross_entropy = cross_entropy

    def forward(self, batch: Batch) -> tuple[Tensor, int]:
        """The loss summed over the tokens of the samples, and their number.

        Raises ValueError where the target rows are not as many for each source.
        """
        batch = batch.to(self.model.device)
        memory, state = self.model.remember(*batch.source)
        sources = memory.valid.size(0)
        references = batch.tokens.unflatten(0, (sources, batch.rows_of(sources)))
        begin, longest = references[:, 0, 0], references.size(2) - 1
        with evaluating(self.model.decoder):
            found = self._samples(memory, state, begin, batch.words, longest)
        drawn = [[hypothesis.tokens for hypothesis in each] for each in found]
        expected = [
            [[i for i in row if i != self.pad] for row in rows]
            for rows in references[:, :, 1:].tolist()
        ]
        rewards = self.reward(drawn, expected)
        check("the rewards", rewards, sources, self.samples)
        rewards = precise(rewards).to(memory.values.device)
        others = (rewards.sum(1, keepdim=True) - rewards) / (self.samples - 1)
        advantage = (rewards - others).flatten()  # (B·N,)
        targets = pad([row for each in drawn for row in each], self.pad).to(batch.tokens.device)
        first = begin.repeat_interleave(self.samples)[:, None]
        inputs = torch.cat([first, targets[:, :-1]], 1)
        real = torch.arange(targets.size(1), device=targets.device) < torch.tensor(
            [[len(row)] for each in drawn for row in each], device=targets.device
        )
        features, _ = self.model.decoder.features(inputs, memory, state.repeated(self.samples))
        logits = self.model.decoder.vocabulary(features[real], batch.words)
        gains = precise(logits).log_softmax(-1)
        places = targets[real]
        if batch.words is not None:
            places = torch.searchsorted(batch.words, places)
        gained = gains.gather(-1, places[:, None])[:, 0]
        weight = advantage[:, None].expand_as(targets)[real]
        loss = -(weight * gained).sum()
        if self.cross_entropy:
            forced, _ = TeacherForcing(self.model, pad=self.pad)(batch)
            loss = loss + self.cross_entropy * forced
        return loss, int(real.sum())

    def _samples(
        self,
        memory: Memory,
        state: DecoderState,
        begin: Tensor,
        words: Tensor | None,
        longest: int,
    ) -> list[list[Hypothesis]]:
        """Samples for each source, of the words (n,) or of all."""
        decoder, end = self.model.decoder, self.end
        step: Step[Memory, DecoderState] = decoder.step
        short = None if words is None else Shortlist(words, int(begin[0]))
        if short is not None:
            step = short.step(decoder.step, decoder.listed(words))
            begin, end = torch.full_like(begin, short.begin), short.place(end)
        found = sample(
            step,
            memory,
            state,
            begin=begin,
            end=end,
            max_length=min(self.max_length, longest),
            samples=self.samples,
        )
        if short is None:
            return found
        return [[short.restored(hypothesis) for hypothesis in each] for each in found]

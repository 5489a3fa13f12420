"""The operations and bytes that the work takes, whoever does it: the physical limit's other half.

An operation is a multiplication or an addition, so a product of (m, k) and (k, n) has 2·m·k·n.
What is no product (σ, tanh, softmax, ranking) is not counted: it is the overhead to be small.
"""

from typing import NamedTuple

from scripts.benchmarking import work

WEIGHT = 2  # bytes: checkpoints keep float16


class Network(NamedTuple):
    """A GRU encoder and decoder with additive attention, one layer.

    ``fed`` is what the decoder's GRU reads beside the word, ``mixed`` what its readout reads, both
    in features; ``scored`` is the size that the vocabulary is scored from.

    >>> Network.shared().parameters  # that a decoder reads at each step
    6848512
    """

    vocabulary: int
    embedding: int
    hidden: int
    fed: int
    mixed: int
    readout: int
    scored: int

    @classmethod
    def shared(cls) -> "Network":
        """What JoeyNMT and OpenNMT-py build, and we for the comparison: attention after the GRU,
        r = tanh(W [c; s]) of the hidden size, fed to the next step.
        """
        h = work.HIDDEN
        return cls(work.VOCABULARY, work.EMBEDDING, h, h, 2 * h, h, h)

    @classmethod
    def bahdanau(cls) -> "Network":
        """Our preset: attention before the GRU, maxout readout of the embedding's size."""
        e, h = work.EMBEDDING, work.HIDDEN
        return cls(work.VOCABULARY, e, h, h, 2 * h + e, 2 * e, e)

    @classmethod
    def plain(cls) -> "Network":
        """d2l's: attention before the GRU, and the state scores the vocabulary."""
        h = work.HIDDEN
        return cls(work.VOCABULARY, work.EMBEDDING, h, h, 0, 0, h)

    @property
    def parameters(self) -> int:
        """Weights that a step of the decoder multiplies with."""
        gates = (self.embedding + self.fed + self.hidden) * 3 * self.hidden
        attention = self.hidden * self.hidden
        return gates + attention + self.mixed * self.readout + self.scored * self.vocabulary

    def encode(self, source: int) -> int:
        """Operations for a source: both directions of its GRU, the keys, the first state."""
        half = self.hidden // 2
        gates = 2 * 2 * (self.embedding + half) * 3 * half
        return source * (gates + 2 * self.hidden**2) + 2 * self.hidden**2

    def step(self, source: int) -> int:
        """Operations for a row at a step: the weights, the energies and the context."""
        return 2 * self.parameters + 2 * 2 * source * self.hidden

    def train(self, source: int, target: int) -> int:
        """Operations for a pair of sentences: forward, and twice that backward."""
        return 3 * (self.encode(source) + target * self.step(source))

    def search(self, source: int, target: int, width: int) -> int:
        """Operations for a sentence: what it takes ``width`` rows for ``target`` steps."""
        return self.encode(source) + target * width * self.step(source)

    def operations(self, job: str) -> int:
        """Operations for a unit of a job: a target token in training, else a sentence."""
        source, target = work.SOURCE, work.TARGET
        if job == "train":
            return self.train(source, target) // target
        return self.search(source, target, 1 if job == "greedy" else work.WIDTH)

    def bytes(self, job: str) -> int:
        """Bytes of weights that must be read for a unit of a search: those of a step, for each.

        In training and in batches the products reuse what they read, and this is far from binding.
        """
        count = work.JOBS[job].count
        return WEIGHT * self.parameters * work.TARGET // count


NETWORKS = {
    "shared": Network.shared(),
    "bahdanau": Network.bahdanau(),
    "plain": Network.plain(),
}

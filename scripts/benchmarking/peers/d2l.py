"""Dive into Deep Learning: its encoder and additive attention, and the decoder of its section 11.4,
which is in the book's text alone. A GRU in one direction, attention before the decoder's GRU.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from scripts.benchmarking import work
from scripts.benchmarking.peers.absent import absent
from scripts.benchmarking.protocol import serve

absent("IPython", "matplotlib", "matplotlib_inline", "pandas", "requests", "scipy.spatial")
absent("torchvision")
from d2l import torch as d2l  # noqa: E402


class Decoder(d2l.AttentionDecoder):  # type: ignore[misc]
    """``Seq2SeqAttentionDecoder`` of the book."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = d2l.AdditiveAttention(work.HIDDEN, 0)
        self.embedding = nn.Embedding(work.VOCABULARY, work.EMBEDDING)
        self.rnn = nn.GRU(work.EMBEDDING + work.HIDDEN, work.HIDDEN, 1)
        self.dense = nn.LazyLinear(work.VOCABULARY)
        self.apply(d2l.init_seq2seq)

    def init_state(self, outputs: Any, valid: Tensor) -> Any:
        values, hidden = outputs
        return values.permute(1, 0, 2), hidden, valid

    def forward(self, tokens: Tensor, state: Any) -> Any:
        values, hidden, valid = state
        outputs = []
        for embedded in self.embedding(tokens).permute(1, 0, 2):
            query = hidden[-1].unsqueeze(1)
            context = self.attention(query, values, values, valid)
            read = torch.cat((context, embedded.unsqueeze(1)), -1)
            output, hidden = self.rnn(read.permute(1, 0, 2), hidden)
            outputs.append(output)
        scores = self.dense(torch.cat(outputs, 0))
        return scores.permute(1, 0, 2), [values, hidden, valid]


def words(length: int) -> Tensor:
    return torch.randint(work.FIRST, work.VOCABULARY, (work.BATCH, length))


def built() -> Any:
    encoder = d2l.Seq2SeqEncoder(work.VOCABULARY, work.EMBEDDING, work.HIDDEN, 1)
    model = d2l.Seq2Seq(encoder, Decoder(), tgt_pad=work.PAD, lr=1e-4)
    model(words(work.SOURCE), words(1), lengths())  # makes its lazy layers
    return model


def lengths() -> Tensor:
    return torch.full((work.BATCH,), work.SOURCE)


def training() -> Callable[[], None]:
    """As ``Trainer.fit_epoch`` does."""
    model = built().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    source, target = words(work.SOURCE), words(work.TARGET + 1)

    def update() -> None:
        scores = model(source, target[:, :-1], lengths())
        loss = model.loss(scores, target[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def main() -> None:
    torch.manual_seed(0)
    model = built().eval()
    given = words(work.SOURCE), words(1), lengths(), lengths()
    greedy = torch.no_grad()(model.predict_step)
    serve(
        "d2l",
        version("d2l"),
        {"train": training(), "greedy": partial(greedy, given, torch.device("cpu"), work.TARGET)},
        network="plain",
    )


if __name__ == "__main__":
    main()

"""The same network in plain torch, with a batched beam and no cleverness: what a person writes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.benchmarking import work
from scripts.benchmarking.protocol import serve


class Plain(nn.Module):
    """As ``counting.Network.shared``."""

    def __init__(self) -> None:
        super().__init__()
        embedding, hidden, words = work.EMBEDDING, work.HIDDEN, work.VOCABULARY
        self.read = nn.Embedding(words, embedding)
        self.encoder = nn.GRU(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.start = nn.Linear(hidden, hidden)
        self.written = nn.Embedding(words, embedding)
        self.cell = nn.GRUCell(embedding + hidden, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, hidden)
        self.energy = nn.Linear(hidden, 1, bias=False)
        self.mix = nn.Linear(2 * hidden, hidden, bias=False)
        self.score = nn.Linear(hidden, words)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, last = self.encoder(self.read(source))
        hidden = torch.tanh(self.start(torch.cat([last[0], last[1]], -1)))
        return values, self.key(values), hidden

    def step(
        self, tokens: Tensor, values: Tensor, keys: Tensor, hidden: Tensor, fed: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden = self.cell(torch.cat([self.written(tokens), fed], -1), hidden)
        energies = self.energy(torch.tanh(self.query(hidden)[:, None] + keys))
        context = (energies.softmax(1) * values).sum(1)
        return hidden, torch.tanh(self.mix(torch.cat([context, hidden], -1)))


class Training:
    def __init__(self) -> None:
        self.model = Plain()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.source = torch.randint(work.FIRST, work.VOCABULARY, (work.BATCH, work.SOURCE))
        self.target = torch.randint(work.FIRST, work.VOCABULARY, (work.BATCH, work.TARGET + 1))

    def __call__(self) -> None:
        values, keys, hidden = self.model.encode(self.source)
        fed, features = torch.zeros_like(hidden), []
        for tokens in self.target[:, :-1].unbind(1):
            hidden, fed = self.model.step(tokens, values, keys, hidden, fed)
            features.append(fed)
        logits = self.model.score(torch.stack(features, 1))
        loss = F.cross_entropy(logits.flatten(0, 1), self.target[:, 1:].flatten())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


class Search:
    def __init__(self, model: Plain, count: int, width: int) -> None:
        self.model, self.count, self.width = model.eval(), count, width
        self.source = torch.randint(work.FIRST, work.VOCABULARY, (count, work.SOURCE))

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        rows, width = self.count * self.width, self.width
        values, keys, hidden = (
            x.repeat_interleave(width, 0) for x in self.model.encode(self.source)
        )
        fed = torch.zeros_like(hidden)
        tokens = torch.full((rows,), work.BEGIN)
        sequences = tokens[:, None]
        total = torch.full((self.count, width), -torch.inf)
        total[:, 0] = 0
        first = torch.arange(self.count)[:, None] * width
        for _ in range(work.TARGET):
            hidden, fed = self.model.step(tokens, values, keys, hidden, fed)
            gains = self.model.score(fed).log_softmax(-1)
            gains[:, work.END] = -torch.inf
            scores = total[..., None] + gains.view(self.count, width, -1)
            total, best = scores.flatten(1).topk(width)
            parents = (first + best // gains.size(-1)).flatten()
            tokens = (best % gains.size(-1)).flatten()
            hidden, fed = hidden[parents], fed[parents]
            sequences = torch.cat([sequences[parents], tokens[:, None]], 1)
        return sequences


def main() -> None:
    torch.manual_seed(0)
    model = Plain()
    serve(
        "plain torch",
        torch.__version__,
        {
            "train": Training(),
            "greedy": Search(model, work.BATCH, 1),
            "beam": Search(model, work.BATCH, work.WIDTH),
            "single": Search(model, 1, work.WIDTH),
        },
        network="shared",
    )


if __name__ == "__main__":
    main()

"""Many-to-one: is a review good or bad? A learned query attends over its words.

Yang et al. 2016, §2.2. Learns from 20,000 sentences of a grammar (reviews.toml), scored on 300
written by hand (reviews.txt). Of "not a bad film" or "I expected to love it, but" a bag of words
knows little; a word that was never seen is a dropped word. Shows each word's share of attention.
"""

import argparse
import random
import re
import tomllib
from pathlib import Path

import torch
from torch import Tensor, nn

from attention_core import Additive, AttentionPooling, TextEncoder
from attention_core.training import pad

GRAMMAR = tomllib.loads(Path(__file__).with_name("reviews.toml").read_text(encoding="utf-8"))
LINES = Path(__file__).with_name("reviews.txt").read_text(encoding="utf-8").splitlines()
STEPS, GOAL = 1200, 0.75


def written(symbol: str, good: bool) -> str:
    """A text for a symbol of the grammar; a minus before it turns the opinion round."""
    good ^= symbol.startswith("-")
    rules = GRAMMAR["both"] | GRAMMAR["good" if good else "bad"]
    text = random.choice(rules[symbol.removeprefix("-")].split("|")).strip()
    return re.sub("{(.+?)}", lambda found: written(found[1], good), text)


def words(text: str) -> list[str]:
    return re.findall("[a-z']+|[,;:]", text.lower().replace("n't", " not"))


class Sentiment(nn.Module):
    def __init__(self, vocabulary: list[str]) -> None:
        super().__init__()
        self.number = {word: place for place, word in enumerate(vocabulary, 1)}
        embedding = nn.Embedding(len(vocabulary) + 1, 32, padding_idx=0)
        self.encoder = TextEncoder(embedding, "gru", 32, dropout=0.2, word_dropout=0.1)
        self.pooling = AttentionPooling(Additive(64, 64, 64))
        self.output = nn.Linear(64, 1)

    def forward(self, reviews: list[list[str]]) -> tuple[Tensor, Tensor]:
        """The logit that each of B reviews is good (B,), and the weights of its words (B, S)."""
        tokens = pad([[self.number.get(word, 0) for word in review] for review in reviews], -1)
        pooled, weights = self.pooling(self.encoder(tokens.clamp(min=0), tokens >= 0))
        return self.output(pooled)[:, 0], weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    random.seed(seed := parser.parse_args().seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    test = [words(line) for line in LINES]
    drawn = ((words(written("review", good)), float(good)) for good in [True, False] * 10_000)
    train = [(review, good) for review, good in drawn if review not in test]
    model = Sentiment(sorted({word for review, _ in train for word in review}))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(STEPS):
        reviews, good = zip(*random.sample(train, 100), strict=True)
        loss = nn.functional.binary_cross_entropy_with_logits(model(reviews)[0], torch.tensor(good))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, weights = model.eval()(test)
    score = ((logits > 0) == torch.tensor([line[0] == "+" for line in LINES])).double().mean()
    for n in 45, 85, 165:
        print(*(f"{word}({weights[n, s]:.0%})" for s, word in enumerate(test[n])))
    print(f"{score:.1%} are right")
    if score < GOAL:
        raise SystemExit(f"Missed: {GOAL:.0%} were to be reached.")


if __name__ == "__main__":
    main()

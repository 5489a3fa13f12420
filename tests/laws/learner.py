"""A tiny run of the training loop, with all that could break an exact resume: dropout, epochs of
their own order, momentum, a schedule, validation in the middle of an epoch, early stopping.

``python learner.py OUT N`` begins it and is killed by SIGKILL in update N.
"""

import os
import signal
import sys

import torch

from attention_core import checkpoint
from attention_core.models import DecoderSizes, Seq2Seq, build_decoder
from attention_core.parts.encoders import TextEncoder
from attention_core.training import (
    Batch,
    Learner,
    ScheduledSampling,
    TeacherForcing,
    TrainingConfig,
    bucketed,
    pad,
    train,
)

PAD, BEGIN, END, WORDS, SEED = 0, 1, 2, 9, 7
CONFIG = TrainingConfig(
    epochs=6,
    batch_tokens=12,
    learning_rate=0.02,
    warmup=3,
    weight_decay=0.01,
    label_smoothing=0.1,
    validate_every=5,
    patience=3,
)

EVERYTHING = TrainingConfig(
    epochs=8,
    accumulate=2,
    learning_rate=0.02,
    schedule="plateau",
    warmup=3,
    plateau=1,
    scheduled_sampling=ScheduledSampling(decay="linear", k=1.0, c=0.05, lowest=0.2),
    sampled_softmax=3,
    doubly_stochastic=0.1,
    validate_every=3,
    patience=4,
    average=3,
    average_of="last",
    tensorboard=True,
)


class Counting(TeacherForcing):
    """Knows, as a part of its state, how often it was trained."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def forward(self, batch):
        self.updates += self.training
        return super().forward(batch)


class CopyLearner(Learner):
    """Learns to copy 18 short sequences. ``on`` is told of every event: its name and count.

    It scores best at update 15, so that patience ends the run at update 30 of 36.
    """

    metric = "score"

    def __init__(self, on=lambda event, count: None, config=CONFIG, dropout=0.3):
        torch.manual_seed(SEED)
        generator = torch.Generator().manual_seed(1)
        drawn = torch.randint(END + 1, WORDS, (18, 5), generator=generator).tolist()
        self.sequences = [words[: 1 + i % 5] for i, words in enumerate(drawn)]
        sizes = DecoderSizes(
            vocabulary=WORDS,
            embedding=4,
            hidden=6,
            values=6,
            summary=6,
            attention=4,
            dropout=dropout,
        )
        decoder = build_decoder("luong", sizes)
        encoder = TextEncoder(decoder.embedding, "gru", 3, dropout=dropout)
        self.model = Seq2Seq(encoder, decoder)
        self.objective = Counting.of(config, self.model, pad=PAD)
        self.on = on
        self.counts = {}

    def tell(self, event):
        self.counts[event] = self.counts.get(event, 0) + 1
        self.on(event, self.counts[event])

    def batches(self, epoch):
        return bucketed([len(words) for words in self.sequences], CONFIG.batch_tokens, epoch)

    def collate(self, item):
        self.tell("update")
        sequences = [self.sequences[i] for i in item]
        tokens = pad(sequences, PAD)
        targets = pad([[BEGIN, *words, END] for words in sequences], PAD)
        return Batch((tokens, tokens != PAD), targets)

    def validate(self):
        self.tell("validation")
        with torch.no_grad():
            loss, count = self.objective(self.collate_all())
        return {"score": -abs(int(self.objective.updates) - 15), "loss": float(loss) / count}

    def collate_all(self):
        tokens = pad(self.sequences, PAD)
        targets = pad([[BEGIN, *words, END] for words in self.sequences], PAD)
        return Batch((tokens, tokens != PAD), targets)

    def save(self, directory, metrics):
        self.tell("save")
        checkpoint.save(
            directory,
            task="copy",
            config=metrics,
            weights=checkpoint.weights_of(self.model),
            files={},
        )
        self.tell("saved")


if __name__ == "__main__":

    def kill(event, count):
        if (event, count) == ("update", int(sys.argv[2])):
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    train(CopyLearner(kill), CONFIG, sys.argv[1], seed=SEED)

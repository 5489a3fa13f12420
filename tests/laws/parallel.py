"""A tiny run for several processes: ``parallel.py OUT DROPOUT [N]``, started by a launcher.

Each process leaves its weights in ``OUT``. With N, the second is interrupted in its N-th update.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from learner import CONFIG, SEED, CopyLearner

from attention_core.training import TrainingConfig, bucketed, train

RUN = replace(CONFIG, epochs=3, validate_every=2, schedule="plateau", plateau=1, average=2)


class ParallelLearner(CopyLearner):
    """Scores best at the sixth update; an epoch has seven batches, one of them left over."""

    def batches(self, epoch):
        found = bucketed([len(words) for words in self.sequences], 9, epoch)
        return found[: len(found) // 2 * 2 - 1]

    def validate(self):
        return super().validate() | {"score": -abs(self.objective.update - 5)}


def run(
    out: Path, config: TrainingConfig, dropout: float, rank: int = 0, stop: int = 0
) -> ParallelLearner:
    """This process's part of the run, in float64."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)

    def interrupt(event, count):
        if (event, count) == ("update", stop):
            os.kill(os.getpid(), signal.SIGTERM)

    learner = ParallelLearner(interrupt, config, dropout)
    with torch.no_grad():
        for weight in learner.model.parameters():
            weight += rank  # what the first process begins with is for all
    train(learner, config, out, seed=SEED)
    torch.save(learner.model.state_dict(), out / f"weights-{rank}.pt")
    return learner


if __name__ == "__main__":
    rank = int(os.environ["RANK"])
    stop = int(sys.argv[3]) if rank == 1 and len(sys.argv) > 3 else 0
    try:
        run(Path(sys.argv[1]), RUN, float(sys.argv[2]), rank, stop)
    except KeyboardInterrupt:
        print(f"process {rank} stopped", flush=True)

"""Training in as many processes as torchrun starts: each has the whole batch of the work."""

import time

import torch

from scripts.benchmarking import work
from scripts.benchmarking.peers import ours

UPDATES = 3


def main() -> None:
    """Prints the target tokens a second of all processes together."""
    torch.manual_seed(0)
    training = ours.Training(ours.shared())
    training()
    began = time.perf_counter()
    for _ in range(UPDATES):
        training()
    processes = training.updater.accelerator.num_processes
    if training.updater.accelerator.is_main_process:
        tokens = UPDATES * processes * work.BATCH * work.TARGET
        print(tokens / (time.perf_counter() - began))


if __name__ == "__main__":
    main()

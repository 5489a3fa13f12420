"""A stream of pictures captioned in a process of its own: its memory after so many."""

import json

import psutil

from captioner.collections.stream import Asked, caption_all
from captioner.predictor import Captioner
from scripts.benchmarking import work

COUNTS = (10, 100, 1000, 10_000, 100_000)
SIDE = 32  # pixels that are seen of each: files are read as ever, and a second sees 100 or more


def main() -> None:
    """Prints MB by the number of pictures."""
    captioner = Captioner.load().prepared()
    captioner.size = SIDE
    files = sorted(work.EXAMPLES.glob("*.jpg"))
    paths = (files[i % len(files)] for i in range(max(COUNTS)))
    results = caption_all(captioner, paths, Asked("en", beam=1))
    process = psutil.Process()
    print(
        json.dumps(
            {
                done: process.memory_info().rss / 1e6
                for done, _ in enumerate(results, start=1)
                if done in COUNTS
            }
        )
    )


if __name__ == "__main__":
    main()

"""A stream of pictures captioned in a process of its own: its peak memory after so many."""

import json
import resource
import sys

from captioner.collections.stream import Asked, caption_all
from captioner.predictor import Captioner
from scripts.benchmarking import work

COUNTS = (10, 30, 100, 300, 1000)
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


def main() -> None:
    """Prints MB by the number of pictures."""
    files = sorted(work.EXAMPLES.glob("*.jpg"))
    paths = (files[i % len(files)] for i in range(max(COUNTS)))
    results = caption_all(Captioner.load().prepared(), paths, Asked("en", beam=1))
    print(
        json.dumps(
            {
                done: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6
                for done, _ in enumerate(results, start=1)
                if done in COUNTS
            }
        )
    )


if __name__ == "__main__":
    main()

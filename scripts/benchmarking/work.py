"""The work that all are given: its sizes, and the jobs that are measured."""

from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    """What is measured: ``unit`` is what is counted, ``count`` how many of it a call does, and
    ``calls`` how many of these a turn has, so that short ones find the caches warm.
    """

    told: str
    unit: str
    count: int
    calls: int = 1


VOCABULARY = 8000
EMBEDDING = 256
HIDDEN = 512  # of the decoder; the encoder has half of it in each direction
BATCH = 64
SOURCE = TARGET = 14  # tokens; the target's are forced, no search may end before
WIDTH = 5
PICTURE = 224
PICTURES = 8
EXAMPLES = Path(__file__).parents[2] / "captioner" / "examples"

PAD, BEGIN, END, FIRST = 0, 1, 2, 4  # special tokens, and the first that is a word

TEXT_JOBS = {
    "train": Job("training", "target tokens/s", BATCH * TARGET),
    "greedy": Job(f"greedy search, batches of {BATCH}", "sentences/s", BATCH),
    "beam": Job(f"beam {WIDTH}, batches of {BATCH}", "sentences/s", BATCH),
    "single": Job(f"beam {WIDTH}, one at a time", "sentences/s", 1, calls=10),
}
PICTURE_JOBS = {
    "caption": Job(f"captions, beam {WIDTH}, batches of {PICTURES}", "pictures/s", PICTURES),
    "caption_single": Job(f"captions, beam {WIDTH}, one at a time", "pictures/s", 1, calls=5),
    "encode": Job(f"the encoder alone, batches of {PICTURES}", "pictures/s", PICTURES),
}
JOBS = {**TEXT_JOBS, **PICTURE_JOBS}

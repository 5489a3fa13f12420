"""Draws every picture of the pages from the library itself: run it as scripts/figures [FOLDER]."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import torch
from figures_charts import CHARTS
from figures_diagrams import DIAGRAMS
from figures_wiring import wiring
from matplotlib.figure import Figure

from attention_core import PRESETS, DecoderSizes, build_decoder

SIZES = DecoderSizes(vocabulary=9, embedding=4, hidden=6, values=6, summary=6, attention=3)
SAME_EVERY_TIME = {"svg.hashsalt": "attention-core"}


def figures() -> dict[str, Callable[[], Figure]]:
    """What draws each picture, by its name."""
    wirings = {
        f"wiring-{preset}": lambda preset=preset: wiring(
            build_decoder(preset, replace(SIZES, layers=2 if preset == "gnmt" else 1))
        )
        for preset in PRESETS
    }
    return {**CHARTS, **DIAGRAMS, **wirings}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name, draw in figures().items():
        torch.manual_seed(1)
        with matplotlib.rc_context(SAME_EVERY_TIME):
            draw().savefig(
                folder / f"{name}.svg", bbox_inches="tight", pad_inches=0.1, metadata={"Date": None}
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/figures"))

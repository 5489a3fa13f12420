"""``python -m scripts.benchmarking.cuda``: the same jobs on a GPU. Needs one, and writes
docs/performance-cuda.md.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import torch
from accelerate.state import AcceleratorState

from attention_core import UserError
from attention_core.models import Seq2Seq
from attention_core.search import beam_search
from attention_core.training import Batch, TeacherForcing, TrainingConfig
from attention_core.training.processes import accelerator
from attention_core.training.updating import Updater
from scripts.benchmarking import work
from scripts.benchmarking.counting import NETWORKS
from scripts.benchmarking.peers import ours

PAGE = Path("docs/performance-cuda.md")
ROUNDS = 9


def seconds(do: Callable[[], object]) -> float:
    """The median of some runs, each until the card has done it, after three to warm up."""
    taken = []
    for _ in range(ROUNDS + 3):
        began = time.perf_counter()
        do()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return median(taken[3:])


def rate(dtype: torch.dtype) -> float:
    """10⁹ operations a second of a large product."""
    side = 8192
    a, b = (torch.randn(side, side, device="cuda", dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b) / 1e9


def training(model: Seq2Seq, precision: str) -> Callable[[], object]:
    """An update at a time."""
    AcceleratorState._reset_state()  # it keeps the first precision of a process
    config = TrainingConfig(epochs=1, precision=precision)
    updater = Updater(accelerator(precision=precision), TeacherForcing.of(config, model), config)
    target = torch.randint(work.FIRST, work.VOCABULARY, (work.BATCH, work.TARGET + 1))
    batch = Batch(ours.sentences(work.BATCH), target)
    return lambda: updater.update([batch], 1e-4)


def searching(model: Seq2Seq, count: int, *, compiled: bool) -> Callable[[], object]:
    """A beam search at a time; ``compiled`` runs its step as a CUDA graph."""
    model = model.cuda().eval()
    source = tuple(x.cuda() for x in ours.sentences(count))
    begin = torch.full((count,), work.BEGIN, device="cuda")
    step = model.decoder.step
    if compiled:
        step = torch.compile(step, mode="reduce-overhead")

    def called(*given: object) -> object:
        if compiled:
            torch.compiler.cudagraph_mark_step_begin()
        logits, state, weights = step(*given)
        state = type(state)(*(None if x is None else x.clone() for x in state))
        return logits.clone(), state, None if weights is None else weights.clone()

    @torch.inference_mode()
    def search() -> None:
        memory, state = model.remember(*source)
        beam_search(
            called, memory, state, begin=begin, end=-1, max_length=work.TARGET, width=work.WIDTH
        )

    return search


def rows() -> Iterator[tuple[str, str, float, float]]:
    """What is done, in what precision, a second, and the share of the measured matrix rate."""
    count = NETWORKS["shared"].operations
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        limit = rate(dtype) * 1e9
        build = partial(torch.autocast, "cuda", dtype=dtype, enabled=name == "bf16")
        per = (
            work.BATCH
            * work.TARGET
            / seconds(training(ours.shared(), "no" if name == "fp32" else name))
        )
        yield "training, target tokens/s", name, per, per * count("train") / limit
        for size, told in ((work.BATCH, f"batches of {work.BATCH}"), (1, "one at a time")):
            for compiled in (False, True):
                with build():
                    per = size / seconds(searching(ours.shared(), size, compiled=compiled))
                kind = f"beam {work.WIDTH}, {told}{', compiled' if compiled else ''}, sentences/s"
                yield kind, name, per, per * count("beam") / limit


def main() -> None:
    if not torch.cuda.is_available():
        raise UserError("there is no CUDA device here: run this where there is one")
    torch.manual_seed(0)
    lines = [
        f"# Performance on {torch.cuda.get_device_name()}",
        "",
        f"torch {torch.__version__}",
        "",
    ]
    lines += ["| | precision | a second | share of matrix rate |", "|---|---|---|---|"]
    for told, precision, per, share in rows():
        lines.append(f"| {told} | {precision} | {per:.4g} | {share:.1%} |")
        print(lines[-1], flush=True)
    PAGE.write_text("\n".join([*lines, ""]), "utf-8")


if __name__ == "__main__":
    main()

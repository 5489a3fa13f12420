"""The processes of a run, started by ``torchrun`` or ``accelerate launch``; mostly one."""

from typing import TYPE_CHECKING, Literal

import torch

from attention_core.training.freed import keep_freed

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from accelerate import Accelerator


def accelerator(precision: Literal["no", "bf16"] = "no") -> "Accelerator":
    """The device of this process, and its ties to the others. On a CPU, memory that is freed is
    kept from then on: ``keep_freed``.

    >>> accelerator().num_processes
    1
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if _on_cpu():
        keep_freed()
    AcceleratorState._reset_state()  # the run before in this process may have had another precision
    # Without a word, processes on a machine without GPU would not find each other.
    return Accelerator(mixed_precision=precision, cpu=_on_cpu())


def first_process_first() -> "AbstractContextManager[None]":
    """A block that the first process runs before the others, for files that it makes for all.

    >>> with first_process_first():
    ...     print("a tokenizer, or a cache")
    a tokenizer, or a cache
    """
    from accelerate import PartialState

    block: AbstractContextManager[None] = PartialState(cpu=_on_cpu()).main_process_first()
    return block


def in_first_process() -> bool:
    """Whether this process is the one that speaks for all.

    >>> in_first_process()
    True
    """
    from accelerate import PartialState

    return bool(PartialState(cpu=_on_cpu()).is_main_process)


def _on_cpu() -> bool:
    from accelerate.utils import parse_flag_from_env

    return bool(parse_flag_from_env("ACCELERATE_USE_CPU")) or not torch.accelerator.is_available()

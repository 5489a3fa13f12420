"""One run in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attention_core.errors import UserError


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keeps other processes from training in ``out`` while the block lasts; a process that ends, or
    is killed, no longer does.

    Raises UserError where another one trains there.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out, alone(Path(out)):
    ...     sorted(path.name for path in Path(out).iterdir())
    ['.lock']
    """
    from filelock import FileLock, Timeout

    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{out}: another process is training there: wait for it, or give the run another `out`"
        ) from None
    try:
        yield
    finally:
        lock.release()

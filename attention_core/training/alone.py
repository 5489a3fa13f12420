"""One run in a folder at a time."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attention_core.errors import UserError
from attention_core.training.processes import in_first_process


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


def write_alone(path: Path, data: bytes) -> None:
    """Writes a file of a run that all of its processes read.

    Raises UserError, and writes nothing, where another process trains in that folder.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out:
    ...     write_alone(Path(out, "runs", "a.model"), b"pieces")
    ...     Path(out, "runs", "a.model").read_bytes()
    b'pieces'
    """
    if in_first_process():
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.parent):
            path.write_bytes(data)


def digest(data: bytes) -> str:
    """What tells such a file from another, in the identity of a run.

    >>> digest(b"pieces")
    'b6aa423d'
    """
    return hashlib.sha256(data).hexdigest()[:8]

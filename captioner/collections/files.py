"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes, *, like: Path) -> None:
    """Write a file beside its place and move it there, with the permissions of the file ``like``.

    A link is followed: what it leads to is replaced.

    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("old")
    >>> write_whole(folder / "a.txt", b"whole", like=folder / "a.txt")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    path = path.resolve()
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        shutil.copymode(like, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise

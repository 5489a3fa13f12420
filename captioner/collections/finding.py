"""Finding the pictures of a collection: folders, and folders within them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from attention_core.errors import UserError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
"""How the names of pictures end, in small letters or capitals."""

COPY = ".captioned"
"""What stands before the suffix of copies with captions, as in photo.captioned.jpg."""

THUMBNAILS = ".thumbnails"
"""How the folder beside a gallery ends."""

Report = Callable[[UserError], None]


def find_pictures(
    places: Iterable[Path], *, recursive: bool, report: Report | None = None
) -> Iterator[Path]:
    """The pictures among files and in folders, one at a time, each folder's in order of name.

    A file is taken as it is, whatever its name. Of a folder those are left out that are hidden
    (".name"), that no known suffix tells to be pictures, and what this package made itself: copies
    with captions and the thumbnails of galleries. Links to folders aren't followed.

    Args:
        recursive: also look in the folders of folders.
        report: is told of each folder that can't be read, or has no pictures.

    >>> list(find_pictures([Path("a.jpg"), Path("b.heic")], recursive=False))
    [PosixPath('a.jpg'), PosixPath('b.heic')]
    """
    for place in places:
        if not os.path.isdir(place):
            yield place
            continue
        none = True
        for path in files_below(place, SUFFIXES, recursive=recursive, report=report):
            yield path
            none = False
        if none and report:
            deeper = "" if recursive else " itself: --recursive looks in its folders too"
            report(UserError(f"{place} has no pictures{deeper}"))


def files_below(
    folder: Path, suffixes: set[str], *, recursive: bool, report: Report | None = None
) -> Iterator[Path]:
    """The files of a folder with one of the suffixes, as ``find_pictures`` looks for them."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if report:
            report(UserError(f"{folder} can't be read ({error.strerror})"))
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or COPY in path.suffixes or path.suffix == THUMBNAILS:
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive:
                yield from files_below(path, suffixes, recursive=True, report=report)
        elif path.suffix.lower() in suffixes and not entry.is_dir():
            yield path

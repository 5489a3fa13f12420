"""Parallel text as rows of two columns: two files of aligned lines, or one with tabs."""

from collections.abc import Sequence
from pathlib import Path

from attention_core.errors import UserError
from attention_core.translation.text_files import TextFile, lines, texts


def columns(
    files: Sequence[str | Path], language: str, *, swap: bool = False
) -> list[tuple[str, str]]:
    """Each line and its translation, as they are written, of two files or of one with tabs; or of
    a folder or .zip that `texts` finds these in by `language`. With `swap` the translation is the
    first of the two.

    A line with tabs is a sentence and its translation, and then what doesn't matter; or, as
    Tatoeba exports them, a number, a sentence, a number, its translation.

    Raises UserError for another number of files, other numbers of lines, a line with too few tabs,
    or what can't be read.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "export.tsv")
    ...     _ = path.write_text("17\\tUn perro.\\t4\\tA dog.\\n")
    ...     columns([path], "es", swap=True)
    [('A dog.', 'Un perro.')]
    """
    if len(files) == 1:
        found = texts(files[0], language)
        if swap and len(found) == 2:
            raise UserError(f"swap: the file names in {files[0]} already say which one translates")
    elif len(files) == 2:
        found = [Path(name) for name in files]
    else:
        raise UserError(f"files: expected two of aligned lines, or one with tabs, got {len(files)}")
    rows = _tabbed(*found) if len(found) == 1 else _aligned(*found)
    return [(second, first) for first, second in rows] if swap else rows


def _aligned(first: TextFile, second: TextFile) -> list[tuple[str, str]]:
    ours, theirs = lines(first), lines(second)
    if len(ours) == len(theirs):
        return list(zip(ours, theirs, strict=True))
    rows = enumerate(zip(ours, theirs, strict=False), start=1)
    alone = next((n for n, (one, other) in rows if bool(one.strip()) != bool(other.strip())), 0)
    hint = f" Line {alone} is empty in one alone: they may part there." if alone else ""
    raise UserError(
        f"{first} has {len(ours)} lines but {second} has {len(theirs)}: line n of one must"
        f" translate line n of the other.{hint}"
    )


def _tabbed(path: TextFile) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in lines(path)]
    first = next((row for row in rows if any(map(str.strip, row))), [])
    exported = len(first) > 3 and first[0].isdecimal() and first[2].isdecimal()
    one, other = (1, 3) if exported else (0, 1)
    for number, row in enumerate(rows, start=1):
        if len(row) <= other and any(map(str.strip, row)):
            numbered = "each after its number and a tab" if exported else "a tab between them"
            raise UserError(
                f"{path}, line {number}: expected a sentence and its translation, {numbered}"
            )
    return [(row[one], row[other]) if len(row) > other else ("", "") for row in rows]

"""Captions as rows of a table: CSV, JSON lines, and the token files of Flickr8k and Flickr30k."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from attention_core.errors import UserError

IMAGE = ("image", "image_name")  # the second is of Flickr30k's results.csv
TEXT = ("caption", "comment")
COLUMNS = (*IMAGE, *TEXT, "split", "language")


class Row(NamedTuple):
    """A caption of a picture; None is what isn't told."""

    image: str  # the name of its file
    text: str
    split: str | None = None
    language: str | None = None


def table(path: Path) -> list[Row]:
    """The rows of a CSV file with a header: image, caption and, if need be, split and language.

    What stands between the columns (a comma, semicolon, tab or bar) is told by the header.

    Raises:
        UserError: it can't be read, lacks a column, or a row lacks a picture or a caption, or has
            more or fewer fields than there are columns.
    """
    text = read_text(path)
    between = next((mark for mark in "|\t;" if mark in text.partition("\n")[0]), ",")
    reader = csv.DictReader(
        io.StringIO(text, newline=""),
        delimiter=between,
        quoting=csv.QUOTE_NONE if between == "|" else csv.QUOTE_MINIMAL,
        strict=True,  # a quote that nothing ends would swallow the rows behind it
    )
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
    if twice := [name for name in COLUMNS if reader.fieldnames.count(name) > 1]:
        raise UserError(f"{path}: the column {twice[0]} comes twice: one row for each caption")
    if not ({*IMAGE} & {*reader.fieldnames} and {*TEXT} & {*reader.fieldnames}):
        raise UserError(
            f"{path}: expected a header with the columns image and caption (and split and language,"
            f" if you like), got {', '.join(reader.fieldnames)[:80] or 'nothing'}"
        )
    found = []
    try:
        for row in reader:
            place = f"{path}, line {reader.line_num}"
            found.append(_row(_fitting(_repaired(row), between, place), place))
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.reader.line_num}: {error}: a field that begins with a quote ends"
            " with one, and quotes within it are doubled"
        ) from None
    return found


def json_lines(path: Path) -> list[Row]:
    """The rows of a file of JSON objects, one a line, with the keys that `table` has as columns.

    Raises:
        UserError: as for `table`, or a line isn't a JSON object.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{place}: this is not JSON ({error})") from None
        if not isinstance(row, dict):
            raise UserError(f'{place}: expected an object like {{"image": ..., "caption": ...}}')
        rows.append(_row(row, place))
    return rows


def tokens(path: Path) -> list[Row]:
    """The lines "picture.jpg#0", a tab, the caption, as Flickr8k.token.txt of Hodosh et al. (2013)
    and results_20130124.token of Young et al. (2014) have them.

    The split is that of the lists of pictures beside the file, such as Flickr_8k.trainImages.txt
    or train.txt, and pictures in none of these are left out; without any list it isn't told.

    Raises:
        UserError: it can't be read, a line is otherwise, or a key comes twice.
    """
    found: dict[str, Row] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        key, tab, text = line.partition("\t")
        image, _, index = key.rpartition("#")
        if not (tab and image and index.isdecimal()):
            raise UserError(f"{path}, line {number}: expected a picture, #, a number, a tab, text")
        if key in found:
            raise UserError(f"{path}, line {number}: {key} comes twice: number captions apart")
        found[key] = Row(image, text)
    splits = dict(_listed(path))
    if not splits:
        return list(found.values())
    placed = [
        (row, splits.get(row.image) or splits.get(row.image.rpartition(".")[0]))
        for row in found.values()
    ]
    return [row._replace(split=split) for row, split in placed if split]


def is_table(path: Path) -> bool:
    """Whether a text file begins with the header of a `table`."""
    head = read_text(path).partition("\n")[0].lower()
    names = {name.strip() for name in re.split("[,;|\t]", head)}
    return bool(names & {*IMAGE} and names & {*TEXT})


def is_tokens(path: Path) -> bool:
    """Whether a text file has the lines of `tokens`."""
    return bool(re.match(r"[^\t\n]+#\d+\t", read_text(path)))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
        UserError: it can't be read, is empty, or isn't such text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it as UTF-8") from None
    if not text.strip():
        raise UserError(f"{path} is empty: expected captions")
    return text


def _row(row: Mapping[str, Any], place: str) -> Row:
    for key in COLUMNS:
        if not isinstance(value := row.get(key), str | None):
            raise UserError(f"{place}: {key} must be text, got {value!r:.40}: one line a caption")
    image, text, split, language = (
        next((value.strip() for key in keys if isinstance(value := row.get(key), str)), "")
        for keys in (IMAGE, TEXT, ("split",), ("language",))
    )
    text = re.sub("[\ud800-\udfff]", "", text)  # halves of characters, which no text has
    if not image:
        raise UserError(f"{place}: there is no picture's name (image)")
    if not text:
        raise UserError(f"{place}: the picture {image} has no caption: caption it or leave it out")
    return Row(image, text, split or None, language or None)


def _fitting(row: dict[Any, Any], between: str, place: str) -> dict[str, Any]:
    """A row with a field for each column and no more, but for empty ones at its end."""
    rest = between.join(row.pop(None, ())).strip(f"{between} ")  # DictReader's key of what is left
    if rest:
        mark = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[between]
        quote = "quote the caption, without a space before the quotes"
        raise UserError(
            f"{place}: there are more fields than columns, {rest[:40]!r} is left over: where a"
            f" caption has a {mark} in it, {'take that out' if between == '|' else quote}"
        )
    lacking = [name for name in COLUMNS if row.get(name, "") is None]
    if lacking:
        raise UserError(
            f"{place}: there are fewer fields than columns, none for {' and '.join(lacking)}: add"
            " what is missing"
        )
    return row


def _repaired(row: dict[str, Any]) -> dict[str, Any]:
    """Flickr30k's own results.csv has a row where a bar is missing after the number."""
    if row.get("comment") is None and (number := row.get("comment_number")):
        return {**row, "comment": re.sub(r"^\s*\d+\s", "", number)}
    return row


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """Pictures and their splits, of the lists beside a file."""
    for other in sorted(path.parent.glob("*.txt")):
        match = re.search(r"(?:^|[._])(train|dev|val|test)(?:_?images)?\.txt$", other.name, re.I)
        if match and other != path:
            split = match[1].lower().replace("dev", "val")
            yield from ((line.strip(), split) for line in read_text(other).split("\n"))

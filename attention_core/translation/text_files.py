"""Text files as they are downloaded: plain, compressed, in a folder or in an archive."""

import codecs
import gzip
import re
import zipfile
import zlib
from pathlib import Path

from attention_core.errors import UserError, nearest

TextFile = Path | zipfile.Path  # on the disk, or inside an archive

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NO_LANGUAGE = {"", "ids", "md", "scores", "tsv", "txt", "xml"}  # endings of other files


def lines(path: TextFile) -> list[str]:
    """The lines of a UTF-8 text file, compressed if its name ends in .gz.

    Raises UserError for a file that can't be read, is empty, or is not UTF-8 text.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.gz")
    ...     _ = path.write_bytes(gzip.compress(b"A dog.\\nA cat.\\n"))
    ...     lines(path)
    ['A dog.', 'A cat.']
    """
    data = _bytes(path).removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise UserError(f"{path} is empty: expected lines of text")
    if data.startswith(_UTF16):
        raise UserError(f"{path} is UTF-16 text: save it as UTF-8")
    if b"\0" in data:
        raise UserError(f"{_place(path, data, data.index(0))}: a zero byte: this is not text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(path, data, error.start)
        raise UserError(f"{place}: this is not UTF-8 text: save the file as UTF-8") from error
    end = "\n" if "\n" in text else "\r"
    return text.removesuffix(end).split(end)


def texts(path: str | Path, language: str) -> list[TextFile]:
    """The text file at a path; of a folder or a .zip, what there is to learn `language` from.

    That is two files that differ in their ending alone, the second one in the language, as OPUS
    and Moses name them (corpus.de-en.en, corpus.de-en.de); or else one .txt or .tsv.

    Raises UserError for a folder or an archive in which it can't be told which file that is.

    >>> texts("mine.tsv", "es") == [Path("mine.tsv")]
    True
    """
    path = Path(path)
    if path.is_dir():
        files: list[TextFile] = [file for file in sorted(path.iterdir()) if file.is_file()]
    elif path.suffix.lower() == ".zip":
        files = _in_archive(path)
    else:
        return [path]
    files = [file for file in files if not file.name.startswith(".")]  # as macOS leaves
    aligned = [
        [source, target]
        for target in files
        if language in (_ending(target), _ending(target).partition("_")[0])  # zh_CN is zh
        for source in files
        if source is not target
        if _stem(source) == _stem(target) and _ending(source) not in _NO_LANGUAGE
    ]
    tabbed = [
        [file]
        for file in files
        if _ending(file) in ("txt", "tsv")
        and not re.match("[._]|readme|licen[cs]e", file.name, re.I)
    ]
    found = aligned or tabbed
    if len(found) == 1:
        return found[0]
    if found:
        first = " and ".join(file.name for file in found[0])
        raise UserError(f"{path} holds {len(found)} texts: name the files to read, like {first}")
    endings = {_ending(file) for file in files} - _NO_LANGUAGE
    raise UserError(
        f"{path} holds no text in {language!r}, which would be two files like text.en and"
        f" text.{language}, or one .txt or .tsv of lines with tabs.{nearest(language, endings)}"
    )


def _bytes(path: TextFile) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.name.endswith(".gz") else data
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror or error}") from error
    except (EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:  # a password
        raise UserError(f"Can't read {path}: {error}") from error


def _place(path: TextFile, data: bytes, index: int) -> str:
    line = data.count(b"\n", 0, index) + 1
    return f"{path}, line {line}"


def _in_archive(path: Path) -> list[TextFile]:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}") from error
    except zipfile.BadZipFile as error:
        raise UserError(f"Can't read {path}: {error}") from error
    return [zipfile.Path(archive, name) for name in archive.namelist() if name[-1] != "/"]


def _stem(file: TextFile) -> str:
    return str(file).removesuffix(".gz").rpartition(".")[0]


def _ending(file: TextFile) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[2] if "." in file.name else ""

"""Writing a drawing to a file."""

from pathlib import Path

from matplotlib.figure import Figure

from attention_core.errors import UserError, nearest

FORMATS = (".pdf", ".png", ".svg")
PAGES = (".html",)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Alignment</title>
<style>:root { color-scheme: light dark }</style>
<body>
"""


def save(drawing: Figure | str, path: str | Path) -> None:
    """Write a figure to `path`, as PNG, SVG or PDF by its suffix, or HTML as a page.

    In an SVG, letters are outlines, so that it looks the same where their font is missing.

    Raises:
        UserError: for another suffix, a folder that doesn't exist, or a place that can't be
            written to.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(Figure(), f"{folder}/picture.svg")
    ...     Path(folder, "picture.svg").read_text()[:5]
    '<?xml'
    """
    path = Path(path)
    formats = PAGES if isinstance(drawing, str) else FORMATS
    if path.suffix.lower() not in formats:
        raise UserError(
            f"Can't draw {path}: unknown suffix '{path.suffix}'.{nearest(path.suffix, formats)}"
        )
    if not path.parent.is_dir():
        raise UserError(f"Can't draw {path}: there is no folder {path.parent}; make it first.")
    try:
        if isinstance(drawing, str):
            path.write_text(f"{PAGE}{drawing}\n", encoding="utf-8")
        else:
            drawing.savefig(path, dpi=200)
    except OSError as error:
        raise UserError(f"Can't draw {path}: {error.strerror}.") from error

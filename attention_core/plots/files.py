"""Writing a figure to a file."""

from pathlib import Path

from matplotlib.figure import Figure

from attention_core.errors import UserError, nearest

FORMATS = (".pdf", ".png", ".svg")


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` to `path`, as PNG, SVG or PDF by its suffix.

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
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"Can't draw {path}: unknown suffix '{path.suffix}'.{nearest(path.suffix, FORMATS)}"
        )
    if not path.parent.is_dir():
        raise UserError(f"Can't draw {path}: there is no folder {path.parent}; make it first.")
    try:
        figure.savefig(path, dpi=200)
    except OSError as error:
        raise UserError(f"Can't draw {path}: {error.strerror}.") from error

"""Pictures in: anything a person may give, as one RGB picture or one normalised tensor."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from attention_core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Normal = float | tuple[float, ...]
"""A mean or deviation of pixels: one number, or one for each colour."""

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]

SMALLEST = 16
"""Pixels that a picture needs on each side."""

LARGEST = 100_000_000
"""Pixels that a picture may have in all."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What puts a picture upright, by the number that EXIF has for how it lies."""

PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by what is transparent, and those they can become."""

_ENOUGH = (1024, 1024)
_READING = threading.Lock()


def open_picture(source: Source, name: str = "The picture") -> Image.Image:
    """The first frame of a picture, upright and in RGB, transparent parts on white.

    Any mode is understood: grey, palette, CMYK, 16 bits a channel (scaled to 8), floating point
    (darkest to brightest). A JPEG file far larger than needed is decoded at a half, a quarter or
    an eighth of its size, never below 1024 pixels on a side.

    Args:
        source: a path, the bytes of a file, a file open for reading bytes, a Pillow image, or an
            array (H, W) or (H, W, 1, 3 or 4): unsigned integers, or floats in [0, 1].
        name: what errors call it, unless the source has a name of its own.

    Raises:
        UserError: no such file, a folder, an empty or damaged file, not a picture, less than 16
            pixels on a side, or more than 100 megapixels (found out before decoding).
    """
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        with _reading(name):
            _check_size(source, name)
            return _upright_rgb(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        with _opened(path) as file:
            return _from_file(file, str(path))
    content = source if isinstance(source, bytes) else source.read()
    return _from_file(io.BytesIO(content), str(getattr(source, "name", name)))


def to_array(image: Image.Image, size: int, mean: Normal, std: Normal) -> NDArray[np.float32]:
    """The whole picture squeezed to a square: antialiased bicubic, nothing cropped.

    x = (pixel / 255 - mean) / std

    Shape: (3, size, size).
    """
    square = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.array(square, dtype=np.float32).transpose(2, 0, 1)
    return (pixels / np.float32(255) - _by_colour(mean)) / _by_colour(std)


def to_tensor(image: Image.Image, size: int, mean: Normal, std: Normal) -> Tensor:
    """What ``to_array`` gives, as a tensor."""
    import torch

    return torch.from_numpy(to_array(image, size, mean, std))


def _by_colour(value: Normal) -> NDArray[np.float32]:
    return np.array(value, dtype=np.float32).reshape(-1, 1, 1)


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_file():
            return path.open("rb")
        if path.exists():
            kind = "a folder: name a picture in it" if path.is_dir() else "not a file"
            raise UserError(f"{path} is {kind}.")
        siblings = os.listdir(path.parent) if path.parent.is_dir() else []
    except OSError as error:
        raise UserError(f"{path} can't be opened ({error.strerror}).") from None
    close = get_close_matches(path.name, siblings, n=1)
    guess = f" Did you mean '{path.with_name(close[0])}'?" if close else ""
    raise UserError(f"{path} doesn't exist.{guess}")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Silence Pillow, and turn what it raises into one clear line.

    Warning filters belong to the whole process, hence the lock.
    """
    try:
        with _READING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(
            f"{name} is not a picture of a known kind: give a JPEG, PNG, WebP or GIF file."
        ) from None
    except Image.DecompressionBombError:
        raise UserError(f"{name} is too large: at most 100 megapixels can be read.") from None
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise UserError(f"{name} is damaged or incomplete ({error}).") from None


def _from_file(file: BinaryIO, name: str) -> Image.Image:
    with _reading(name):
        if not file.read(1):
            raise UserError(f"{name} is empty.")
        file.seek(0)
        image = Image.open(file)
        if image.format == "EPS":  # a program, which Pillow would have Ghostscript run
            raise UnidentifiedImageError
        _check_size(image, name)
        image.draft(None, _ENOUGH)
        return _upright_rgb(image)


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if min(width, height) < SMALLEST:
        raise UserError(
            f"{name} has {width}×{height} pixels: at least {SMALLEST} on each side are needed."
        )
    if width * height > LARGEST:
        raise UserError(f"{name} has {width}×{height} pixels: at most 100 megapixels can be read.")


def _upright_rgb(image: Image.Image) -> Image.Image:
    upright = _rgb(_turned(image))
    upright.info.clear()  # its EXIF would have it turned once more when it is opened again
    return upright


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in PREMULTIPLIED:
        image = image.convert(PREMULTIPLIED[image.mode])
    if image.mode.startswith("I;16"):
        return _eight_bit(np.asarray(image, dtype=np.float32) / 65535).convert("RGB")
    if image.mode in ("I", "F"):
        pixels = np.nan_to_num(np.asarray(image, dtype=np.float32))
        return _eight_bit((pixels - pixels.min()) / (np.ptp(pixels) or 1)).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def _turned(image: Image.Image) -> Image.Image:
    """The picture as it was held, by what its EXIF tells, whatever else is wrong there."""
    image.load()  # which turns a TIFF itself, and takes the word from its EXIF
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow may raise almost anything
        turn = None
    return image if turn is None else image.transpose(turn)


def _eight_bit(pixels: NDArray[np.floating[Any]]) -> Image.Image:
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise UserError(
            "A picture as an array has the shape (height, width) or (height, width, 1, 3 or 4), "
            f"not {pixels.shape}."
        )
    if pixels.ndim == 3 and channels == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(pixels))
    if pixels.dtype.kind in "ub":
        return _eight_bit(pixels / (np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1))
    if pixels.dtype.kind == "f" and pixels.size and pixels.min() >= 0 and pixels.max() <= 1:
        return _eight_bit(pixels)
    raise UserError(
        "A picture as an array has unsigned integers, or floats in [0, 1], "
        f"not {pixels.dtype} outside that."
    )

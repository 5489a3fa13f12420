"""Every kind of picture, good and bad, that a person may give."""

import io
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attention_core.errors import UserError
from captioner.images import open_picture, to_tensor

RED = (255, 0, 0)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def colour(image: Image.Image) -> tuple[int, int, int]:
    assert image.mode == "RGB"
    return image.getpixel((image.width // 2, image.height // 2))


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG file, up to where its pixels would be."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + content + struct.pack(">I", 4) + b"IDAT"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "JPEG"])
def test_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(Image.new("RGB", (40, 20), RED), kind))
    image = open_picture(path)
    assert image.size == (40, 20)
    np.testing.assert_allclose(colour(image), RED, atol=2)


def test_every_kind_of_source(tmp_path: Path) -> None:
    red = Image.new("RGB", (20, 20), RED)
    content = encoded(red, "PNG")
    path = tmp_path / "red.png"
    path.write_bytes(content)
    with path.open("rb") as file:
        images = [open_picture(s) for s in (path, str(path), content, io.BytesIO(content), file)]
    images += [open_picture(red), open_picture(np.asarray(red))]
    assert [colour(image) for image in images] == [RED] * 7


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("CMYK", (20, 20), (0, 255, 255, 0)), RED),
        (Image.new("L", (20, 20), 100), (100, 100, 100)),
        (Image.new("1", (20, 20), 1), (255, 255, 255)),
        (Image.new("LA", (20, 20), (0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (20, 20), (0, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (20, 20), (0, 0, 0, 51)), (204, 204, 204)),
        (Image.new("RGB", (20, 20), RED).convert("P"), RED),
        (Image.new("I;16", (20, 20), 65535), (255, 255, 255)),
        (Image.new("I;16", (20, 20), 32896), (128, 128, 128)),
        (Image.new("HSV", (20, 20), (0, 255, 255)), RED),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode(image: Image.Image, expected: tuple[int, int, int]) -> None:
    assert colour(open_picture(image)) == expected


def test_sixteen_bits_in_a_file_are_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    image = open_picture(encoded(Image.fromarray(values), "PNG"))
    np.testing.assert_allclose(np.asarray(image)[:, :, 0], values / 257, atol=0.5)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_pixels_go_from_darkest_to_brightest(mode: str) -> None:
    values = np.full((20, 20), 500, np.float32)
    values[0], values[1] = -1000, 2000
    pixels = np.asarray(open_picture(Image.fromarray(values).convert(mode)))
    assert pixels[:3, 0, 0].tolist() == [0, 255, 128]
    assert colour(open_picture(Image.new(mode, (20, 20), 7))) == (0, 0, 0)


def test_a_transparent_palette_is_put_on_white() -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (0, 0, 10, 20))
    opened = open_picture(encoded(image, "PNG", transparency=b"\x00\xff"))
    assert opened.getpixel((5, 5)) == RED
    assert opened.getpixel((15, 5)) == (255, 255, 255)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (20, 20), name) for name in ("red", "green", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert colour(open_picture(content)) == RED


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_rotation_noted_in_the_file(form: str, orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (64, 32))
    image.paste(RED, (0, 0, 16, 16))  # top left, as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = open_picture(encoded(image, form, exif=exif, quality=95))
    assert upright.size == ((64, 32) if orientation < 5 else (32, 64))
    x, y = corner[0] * (upright.width - 16) + 8, corner[1] * (upright.height - 16) + 8
    np.testing.assert_allclose(upright.getpixel((x, y)), RED, atol=10)
    np.testing.assert_array_equal(open_picture(upright), upright)  # which is upright already


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((20, 20), 9, np.uint8), (9, 9, 9)),
        (np.full((20, 20, 1), 9, np.uint8), (9, 9, 9)),
        (np.full((20, 20, 3), 0.2), (51, 51, 51)),
        (np.full((20, 20, 3), 65535, np.uint16), (255, 255, 255)),
        (np.ones((20, 20), bool), (255, 255, 255)),
        (np.zeros((20, 20, 4), np.uint8), (255, 255, 255)),
    ],
)
def test_arrays(pixels: np.ndarray, expected: tuple[int, int, int]) -> None:
    assert colour(open_picture(pixels)) == expected


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((20,)), np.zeros((20, 20, 2)), np.full((20, 20), -1), np.full((20, 20), 9.0)],
)
def test_arrays_that_are_no_pictures(pixels: np.ndarray) -> None:
    with pytest.raises(UserError, match="A picture as an array has"):
        open_picture(pixels)


def test_a_huge_jpeg_is_decoded_smaller() -> None:
    content = encoded(Image.new("RGB", (4100, 2100), RED), "JPEG")
    assert open_picture(content).size == (2050, 1050)


def test_the_picture_given_stays_as_it_was() -> None:
    image = Image.new("RGB", (20, 20), RED)
    opened = open_picture(image)
    opened.paste((0, 0, 0), (0, 0, 20, 20))
    assert colour(image) == RED


def test_missing_path_and_its_nearest_sibling(tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"beech\.jpg doesn't exist\. Did you mean '.*beach\.jpg'\?"
    ):
        open_picture(tmp_path / "beech.jpg")
    with pytest.raises(UserError, match=r"picture\.jpg doesn't exist\.$"):
        open_picture(tmp_path / "nowhere" / "picture.jpg")
    with pytest.raises(UserError, match="can't be opened"):
        open_picture(tmp_path / ("long" * 100))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"just words", "is not a picture"),
        (encoded(Image.new("RGB", (20, 20)), "EPS"), "is not a picture"),
        (encoded(Image.effect_noise((64, 64), 50), "PNG")[:-999], "is damaged or incomplete"),
        (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:-999], "is damaged or incomplete"),
        (encoded(Image.new("RGB", (1, 1)), "PNG"), "has 1×1 pixels: at least 16"),
        (encoded(Image.new("RGB", (15, 400)), "PNG"), "has 15×400 pixels: at least 16"),
        (png_header(10_001, 10_000), "has 10001×10000 pixels: at most 100 megapixels"),
        (png_header(20_000, 20_000), "is too large: at most 100 megapixels"),
        (png_header(10_000, 9_500), "is damaged or incomplete (?!.*exceeds limit)"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"picture\.png {problem}") as caught:
        open_picture(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=f"The picture {problem}"):
        open_picture(content)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: name a picture in it"):
        open_picture(tmp_path)


def test_threads_at_the_same_time() -> None:
    content = encoded(Image.new("RGB", (200, 200), RED), "PNG")
    with ThreadPoolExecutor(8) as pool:
        assert all(colour(image) == RED for image in pool.map(open_picture, [content] * 64))


def test_tensor_of_the_whole_picture() -> None:
    image = Image.new("RGB", (80, 20), (0, 51, 255))
    image.paste((255, 51, 0), (40, 0, 80, 20))
    tensor = to_tensor(image, 8, mean=0.5, std=0.25)
    assert tensor.shape == (3, 8, 8) and tensor.dtype == torch.float32
    torch.testing.assert_close(tensor[1], torch.full((8, 8), (0.2 - 0.5) / 0.25))
    assert (tensor[0, :, :3] < -1.9).all() and (tensor[0, :, 5:] > 1.9).all()
    torch.testing.assert_close(tensor[0], -tensor[2])


def test_tensor_is_antialiased() -> None:
    stripes = Image.fromarray(np.tile(np.uint8([0, 255]), (256, 128))).convert("RGB")
    assert to_tensor(stripes, 16, 0.0, 1.0).sub(0.5).abs().max() < 0.02


def test_what_else_is_wrong_in_exif_does_not_matter() -> None:
    image = Image.new("RGB", (64, 32), RED)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0103] = 1
    content = encoded(image, "JPEG", exif=exif)
    (at,) = [m.start() for m in re.finditer(rb"\x01\x03\x00\x03|\x03\x01\x03\x00", content)]
    signed = content[: at + 2] + bytes(reversed(content[at + 2 : at + 4])) + content[at + 4 :]
    for each in (content, signed):
        assert open_picture(each).size == (32, 64)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_colours_that_are_multiplied_by_their_transparency(mode: str) -> None:
    image = Image.new("RGBA" if mode == "RGBa" else "LA", (20, 20), "white").convert(mode)
    assert colour(open_picture(image)) == (255, 255, 255)

"""Bytes that `decode` must refuse: with an `InputError` that names the trouble, and without decoding them."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from core.decoding import MAX_BYTES, MAX_PIXELS, decode
from core.errors import InputError
from tests.support.image_bytes import PNG_SIGNATURE, png, png_chunk, saved, scan_lines, tiff

ROOT = Path(__file__).parents[3]
RGB = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
PICTURE = Image.fromarray(RGB)
OTHER = Image.fromarray(255 - RGB)


def refusal(data: bytes, name: str = "cell.png") -> str:
    with pytest.raises(InputError) as caught:
        decode(data, name)
    return str(caught.value)


def huge_png(width: int, height: int) -> bytes:
    """A whole, valid PNG in black and white, a few kilobytes in size."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def test_nothing_at_all() -> None:
    assert "cell.png is empty" in refusal(b"")


def test_text_under_a_picture_s_name() -> None:
    message = refusal("Käse, 3 cells\n".encode() * 20, "notes.png")
    assert "notes.png" in message
    assert "is text" in message
    assert "PNG, JPEG, BMP, TIFF and WebP" in message


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (saved(PICTURE, "GIF"), "a GIF image"),
        (saved(PICTURE, "AVIF"), "an AVIF image"),
        (saved(PICTURE, "JPEG2000"), "a JPEG 2000 image"),
        (saved(PICTURE, "PDF"), "a PDF document"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        (bytes(128) + b"DICM" + bytes(40), "a DICOM image"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"PK\3\4" + bytes(40), "a ZIP archive"),
        (bytes(range(200, 256)) * 4, "no known image format"),
    ],
)
def test_other_formats_are_named(data: bytes, what: str) -> None:
    assert what in refusal(data)


@pytest.mark.parametrize(
    ("image_format", "what"),
    [
        ("TIFF", "a TIFF with several pages"),
        ("PNG", "an animated PNG"),
        ("WEBP", "an animated WebP"),
        ("MPO", "several pictures (MPO)"),
    ],
)
def test_many_pages(image_format: str, what: str) -> None:
    assert what in refusal(saved(PICTURE, image_format, save_all=True, append_images=[OTHER]))


def test_a_camera_s_preview_does_not_make_a_second_picture() -> None:
    data = saved(PICTURE, "MPO", save_all=True, append_images=[OTHER])
    second = data.rindex(struct.pack("<L", 0x030000), 0, 150) + 16  # entries of 16 bytes, led by the picture's type
    with_preview = data[:second] + struct.pack("<L", 0x010002) + data[second + 4 :]
    assert Image.open(io.BytesIO(with_preview)).format == "MPO"
    assert decode(with_preview).rgb.shape == RGB.shape


@pytest.mark.parametrize("side", [1, 15])
def test_too_small(side: int) -> None:
    assert f"{side} x 200 px" in refusal(saved(PICTURE.resize((side, 200)), "PNG"))


def test_too_many_bytes() -> None:
    data = saved(PICTURE, "PNG")
    padded = data + bytes(MAX_BYTES - len(data))
    assert decode(padded).rgb.shape == RGB.shape
    assert "at most 20 MB" in refusal(padded + b"\0")


def test_pixel_limit_is_exact() -> None:
    width = MAX_PIXELS // 5000
    assert decode(huge_png(width, 5000)).rgb.shape == (5000, width, 3)
    assert "megapixels" in refusal(huge_png(width, 5001))


def test_huge_png_is_refused_without_room_for_its_pixels() -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from core.decoding import decode\n"
        "from core.errors import InputError\n"
        "data = sys.stdin.buffer.read()\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000,) * 2)\n"
        "try:\n"
        "    decode(data, 'huge.png')\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to know how much memory a process holds")
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(command, input=huge_png(30_000, 30_000), capture_output=True, cwd=ROOT, check=True)
    assert b"huge.png has 30,000 x 30,000 px (900.0 megapixels)" in result.stdout
    assert result.stderr == b""


@pytest.mark.parametrize(
    "data",
    [
        tiff((30_000, 30_000), bytes(16), {258: (3, 8), 262: (3, 1)}),
        b"BM" + struct.pack("<IHHI", 70, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 30_000, 30_000, 1, 24, *[0] * 6),
        b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 30_000, 30_000) + b"\3\1\x11\0\2\x11\0\3\x11\0\xff\xda\0\2",
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (29_999).to_bytes(3, "little") * 2,
        b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + (16_382 | 16_382 << 14).to_bytes(4, "little") + bytes(5),
        b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383),
    ],
    ids=["tiff", "bmp", "jpeg", "webp", "webp-lossless", "webp-simple"],
)
def test_huge_sizes_in_other_headers(data: bytes) -> None:
    assert "at most 40 megapixels" in refusal(data)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_truncated_files(image_format: str, share: float) -> None:
    data = saved(PICTURE, image_format)
    assert "truncated" in refusal(data[: int(len(data) * share)])


def test_truncated_jpeg_is_called_so_however_little_is_missing() -> None:
    data = saved(PICTURE, "JPEG")
    for missing in (1, 100, len(data) // 2):
        assert "it is truncated: its data end too early" in refusal(data[:-missing], "cell.jpg")


def test_damaged_header() -> None:
    data = bytearray(saved(PICTURE, "PNG"))
    data[20] ^= 1
    assert "damaged" in refusal(bytes(data))


@pytest.mark.parametrize(
    ("mode", "what"), [("F", "floating-point"), ("I", "32-bit integers"), ("LAB", "CIE L*a*b* values")]
)
def test_values_without_a_declared_range(mode: str, what: str) -> None:
    assert what in refusal(saved(PICTURE.convert(mode), "TIFF"))


def test_signed_tiff() -> None:
    assert "signed" in refusal(tiff((16, 16), bytes(512), {258: (3, 16), 262: (3, 1), 339: (3, 2)}))


def test_sixteen_bit_planes_that_pillow_would_read_wrongly() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((3, 20, 30), np.uint16), photometric="rgb", planarconfig="separate")
    assert "separate planes" in refusal(buffer.getvalue())


def test_messages_call_a_file_by_a_short_printable_name() -> None:
    message = refusal(b"", "folder/" + "x" * 300 + "\n\x1b[31m.png")
    assert len(message) < 200
    assert message.isprintable()
    assert "folder" not in message
    assert refusal(b"", "").startswith("The image is empty")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nothing_but_an_input_error_comes_out_of_damaged_files() -> None:
    rng = np.random.default_rng(11)
    formats = ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "MPO"]
    seeds = [saved(PICTURE, name) for name in formats] + [saved(PICTURE, "TIFF", compression="tiff_lzw")]
    refused = 0
    for _ in range(600):
        data = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(4):
            data[rng.integers(min(len(data), 300))] = rng.integers(256)
        try:
            assert decode(bytes(data)).rgb.dtype == np.uint8
        except InputError:
            refused += 1
    assert refused > 100


def test_pillow_s_process_wide_limit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(png((50, 40), 8, 2, scan_lines(RGB))).rgb.shape == RGB.shape
    assert Image.MAX_IMAGE_PIXELS == 100

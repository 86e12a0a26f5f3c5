"""Pixels that come out of `decode`, against files written byte by byte, by tifffile or by OpenCV."""

from __future__ import annotations

import hashlib
import io
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from core.decoding import DecodedImage, decode
from core.decoding.decode import ALPHA_NOTE, CMYK_NOTE, GREY_NOTE, ORIENTATION_NOTE
from tests.support.image_bytes import packed, png, saved, scan_lines, tiff, without_segment

WIDTH, HEIGHT = 24, 18
RNG = np.random.default_rng(7)
RGB8 = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 2**16, (HEIGHT, WIDTH, 3), dtype=np.uint16)
GREY16 = RNG.integers(0, 2**16, (HEIGHT, WIDTH), dtype=np.uint16)
ALPHA8 = RNG.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None] / 255
    return np.rint(colour * weight + 255 * (1 - weight)).astype(np.uint8)


def written_by_tifffile(values: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def written_by_opencv(suffix: str, rgb: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(rgb[..., ::-1]), list(options))[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp"])
def test_lossless_formats_give_the_pixels_that_another_library_wrote(suffix: str) -> None:
    options = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == ".webp" else ()
    decoded = decode(written_by_opencv(suffix, RGB8, *options), f"cell{suffix}")
    assert np.array_equal(decoded.rgb, RGB8)
    assert decoded.format.lower() == suffix[1:]
    assert (decoded.bit_depth, decoded.notes, decoded.name) == (8, (), f"cell{suffix}")


def test_jpeg_gives_its_colours() -> None:
    flat = np.full((32, 32, 3), (180, 90, 200), np.uint8)
    decoded = decode(written_by_opencv(".jpg", flat, cv2.IMWRITE_JPEG_QUALITY, 100), "cell.jpg")
    assert decoded.format == "JPEG"
    assert np.abs(decoded.rgb.astype(int) - flat).max() <= 2


def test_result_is_contiguous_read_only_and_hashed() -> None:
    data = png((WIDTH, HEIGHT), 8, 2, scan_lines(RGB8))
    decoded = decode(data, "/folder/of/someone/cell.png")
    assert decoded.rgb.dtype == np.uint8
    assert decoded.rgb.flags.c_contiguous
    assert not decoded.rgb.flags.writeable
    assert decoded.sha256 == hashlib.sha256(data).hexdigest()
    assert decoded.name == "cell.png"


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits_is_stretched_to_the_full_range(bits: int) -> None:
    grey = RNG.integers(0, 2**bits, (16, 16))
    rows = b"".join(b"\0" + packed(row, bits) for row in grey)
    decoded = decode(png((16, 16), bits, 0, rows))
    assert np.array_equal(decoded.rgb, as_rgb(grey * 255 // (2**bits - 1)))
    assert decoded.bit_depth == bits
    assert GREY_NOTE in decoded.notes


@pytest.mark.parametrize(("colour_type", "samples"), [(0, GREY16), (2, RGB16)])
def test_png_of_sixteen_bits_keeps_its_eight_high_bits(colour_type: int, samples: np.ndarray) -> None:
    decoded = decode(png((WIDTH, HEIGHT), 16, colour_type, scan_lines(samples)))
    expected = samples // 256
    assert np.array_equal(decoded.rgb, as_rgb(expected) if samples.ndim == 2 else expected)
    assert decoded.bit_depth == 16
    assert any(note.startswith("16 bits per channel") for note in decoded.notes)


def test_png_of_sixteen_bits_with_alpha_is_laid_over_white() -> None:
    samples = np.dstack([GREY16, RGB16[..., 0]])
    decoded = decode(png((WIDTH, HEIGHT), 16, 4, scan_lines(samples)))
    expected = over_white(as_rgb(GREY16 // 256), RGB16[..., 0] // 256)
    assert np.abs(decoded.rgb.astype(int) - expected).max() <= 1
    assert ALPHA_NOTE in decoded.notes


@pytest.mark.parametrize("colour_type", [4, 6])
def test_alpha_is_laid_over_white(colour_type: int) -> None:
    colour = as_rgb(RGB8[..., 0]) if colour_type == 4 else RGB8
    channels = [RGB8[..., 0], ALPHA8] if colour_type == 4 else [RGB8, ALPHA8]
    decoded = decode(png((WIDTH, HEIGHT), 8, colour_type, scan_lines(np.dstack(channels))))
    assert np.abs(decoded.rgb.astype(int) - over_white(colour, ALPHA8)).max() <= 1
    assert ALPHA_NOTE in decoded.notes


def test_opaque_alpha_is_no_matter_for_a_note() -> None:
    opaque = np.dstack([RGB8, np.full_like(ALPHA8, 255)])
    decoded = decode(png((WIDTH, HEIGHT), 8, 6, scan_lines(opaque)))
    assert np.array_equal(decoded.rgb, RGB8)
    assert decoded.notes == ()


def test_palette_with_transparent_entries() -> None:
    indices = RNG.integers(0, 4, (16, 16))
    palette = np.array([[10, 20, 30], [200, 0, 100], [0, 255, 0], [90, 90, 90]], np.uint8)
    alphas = np.array([255, 128, 0, 255], np.uint8)
    rows = b"".join(b"\0" + packed(row, 2) for row in indices)
    chunks = (b"PLTE", palette.tobytes()), (b"tRNS", alphas.tobytes())
    decoded = decode(png((16, 16), 2, 3, rows, *chunks))
    assert np.abs(decoded.rgb.astype(int) - over_white(palette[indices], alphas[indices])).max() <= 1
    assert decoded.bit_depth == 8


def test_transparent_colour_of_a_grey_png_means_the_unscaled_value() -> None:
    four_bits = RNG.integers(0, 16, (16, 16))
    rows = b"".join(b"\0" + packed(row, 4) for row in four_bits)
    decoded = decode(png((16, 16), 4, 0, rows, (b"tRNS", struct.pack(">H", 3))))
    assert np.array_equal(decoded.rgb, as_rgb(np.where(four_bits == 3, 255, four_bits * 17)))

    sixteen_bits = GREY16.copy()
    sixteen_bits[0, :2] = 5000, 5001
    decoded = decode(png((WIDTH, HEIGHT), 16, 0, scan_lines(sixteen_bits), (b"tRNS", struct.pack(">H", 5000))))
    assert np.array_equal(decoded.rgb, as_rgb(np.where(sixteen_bits == 5000, 255, sixteen_bits // 256)))


def test_transparent_colour_of_a_sixteen_bit_png() -> None:
    transparent = RGB16[2, 3]
    rows = scan_lines(RGB16)
    decoded = decode(png((WIDTH, HEIGHT), 16, 2, rows, (b"tRNS", transparent.astype(">u2").tobytes())))
    expected = np.where((transparent == RGB16).all(axis=2, keepdims=True), 255, RGB16 // 256)
    assert np.array_equal(decoded.rgb, expected)


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_tiff(options: dict[str, Any], bits: int) -> None:
    samples = RGB8 if bits == 8 else RGB16
    decoded = decode(written_by_tifffile(samples, photometric="rgb", **options), "cell.tif")
    assert np.array_equal(decoded.rgb, samples // 2 ** (bits - 8))
    assert decoded.bit_depth == bits


def test_tiff_in_separate_planes() -> None:
    planes = np.ascontiguousarray(RGB8.transpose(2, 0, 1))
    decoded = decode(written_by_tifffile(planes, photometric="rgb", planarconfig="separate"))
    assert np.array_equal(decoded.rgb, RGB8)


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}], ids=str)
def test_grey_tiff_of_sixteen_bits(options: dict[str, Any]) -> None:
    decoded = decode(written_by_tifffile(GREY16, photometric="minisblack", **options))
    assert np.array_equal(decoded.rgb, as_rgb(GREY16 // 256))
    assert decoded.bit_depth == 16


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_tiff_whose_zero_is_white(bits: int, options: dict[str, Any]) -> None:
    samples = GREY16 if bits == 16 else (GREY16 // 256).astype(np.uint8)
    decoded = decode(written_by_tifffile(samples, photometric="miniswhite", **options))
    assert np.array_equal(decoded.rgb, as_rgb(255 - GREY16 // 256))


def test_tiff_of_twelve_bits_is_scaled_by_twelve() -> None:
    grey = RNG.integers(0, 2**12, (16, 16))
    decoded = decode(tiff((16, 16), packed(grey, 12), {258: (3, 12), 262: (3, 1)}))
    assert np.array_equal(decoded.rgb, as_rgb(grey // 16))
    assert decoded.bit_depth == 12


def test_twelve_bits_in_a_sixteen_bit_file_are_remarked_on() -> None:
    decoded = decode(png((WIDTH, HEIGHT), 16, 0, scan_lines(GREY16 // 16)))
    assert np.array_equal(decoded.rgb, as_rgb(GREY16 // 4096))
    assert any("almost black" in note and "4,096 of 65,535" in note for note in decoded.notes)


def test_cmyk_jpeg_with_and_without_adobes_inversion() -> None:
    inks = (200, 50, 20, 30)
    with_marker = saved(Image.new("CMYK", (32, 32), inks), "JPEG", quality=100)
    expected = [round((255 - ink) * (255 - inks[3]) / 255) for ink in inks[:3]]
    decoded = decode(with_marker)
    assert np.abs(decoded.rgb.astype(int) - expected).max() <= 2
    assert CMYK_NOTE in decoded.notes

    inverted = [round(ink * inks[3] / 255) for ink in inks[:3]]
    assert np.abs(decode(without_segment(with_marker, 0xEE)).rgb.astype(int) - inverted).max() <= 2


def test_bmp_of_sixteen_bits_a_pixel() -> None:
    colours = RNG.integers(0, 32, (16, 16, 3))
    words = (colours * [1024, 32, 1]).sum(axis=2).astype("<u2")[::-1]
    header = struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 16, 0, 512, 0, 0, 0, 0)
    decoded = decode(b"BM" + struct.pack("<IHHI", 54 + 512, 0, 0, 54) + header + words.tobytes())
    assert np.abs(decoded.rgb.astype(int) - colours * 255 / 31).max() <= 1
    assert decoded.bit_depth == 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_jpeg_as_opencv_applies_it(orientation: int) -> None:
    picture = cv2.resize(RGB8, (64, 48), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(picture), "JPEG", exif=exif, quality=95)
    upright = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    decoded = decode(data)
    assert decoded.rgb.shape == upright.shape
    assert np.abs(decoded.rgb.astype(int) - upright).mean() < 1
    assert (ORIENTATION_NOTE in decoded.notes) is (orientation != 1)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "quarter_turns"), [(1, 0), (3, 2), (6, -1), (8, 1), (9, 0)])
def test_orientation_of_other_formats(image_format: str, orientation: int, quarter_turns: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if image_format == "TIFF" else {"exif": exif}
    options |= {"lossless": True} if image_format == "WEBP" else {}
    decoded = decode(saved(Image.fromarray(RGB8), image_format, **options))
    assert np.array_equal(decoded.rgb, np.rot90(RGB8, quarter_turns))
    assert (ORIENTATION_NOTE in decoded.notes) is (quarter_turns != 0)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"no TIFF header", b"II*\0\xff\xff\xff\xffnonsense"])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_damaged_exif_does_not_cost_the_picture(image_format: str, exif: bytes) -> None:
    decoded = decode(saved(Image.fromarray(RGB8), image_format, exif=b"Exif\0\0" + exif))
    assert decoded.rgb.shape == RGB8.shape
    assert decoded.notes == ()


def test_wrong_file_name_ending_is_noted() -> None:
    data = png((WIDTH, HEIGHT), 8, 2, scan_lines(RGB8))
    assert decode(data, "cell.PNG").notes == ()
    assert decode(data, "cell").notes == ()
    decoded = decode(data, "cell.jpg")
    assert np.array_equal(decoded.rgb, RGB8)
    assert decoded.notes == ("The name ends in .jpg, but the content is PNG and was read as such.",)


def test_many_threads_get_each_their_own_picture() -> None:
    pictures = [np.random.default_rng(seed).integers(0, 256, RGB8.shape, dtype=np.uint8) for seed in range(40)]
    files = [
        saved(Image.fromarray(picture), image_format, **({"lossless": True} if image_format == "WEBP" else {}))
        for picture, image_format in zip(pictures, ["PNG", "BMP", "TIFF", "WEBP"] * 10, strict=True)
    ]
    with ThreadPoolExecutor(8) as pool:
        results: list[DecodedImage] = list(pool.map(decode, files))
    assert all(np.array_equal(result.rgb, picture) for result, picture in zip(results, pictures, strict=True))

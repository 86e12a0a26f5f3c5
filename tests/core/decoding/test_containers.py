"""What files hold beside their picture: none of it is a second picture, and none of it takes long or much memory."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from core.decoding import decode
from core.decoding.containers import MOST_SCANS
from core.decoding.decode import CLEAR_NOTE, COMPOSITE_NOTE
from core.errors import InputError

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(name: bytes, content: bytes) -> bytes:
    """The picture as PNG, one chunk laid behind its header."""
    data = saved(Image.fromarray(RGB), "PNG")
    return data[:33] + chunk(name, content) + data[33:]


@pytest.mark.parametrize(
    "data",
    [
        with_chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 3_000_000)),
        with_chunk(b"tEXt", b"note\0" + b"x" * 3_000_000),
        with_chunk(b"iTXt", b"note\0\1\0\0\0" + zlib.compress(b"x" * 80_000_000)),
        with_chunk(b"iCCP", b"bomb\0\0" + zlib.compress(b"x" * 200_000_000)),
        with_chunk(b"prVt", b"own" * 1000),
    ],
    ids=["zTXt", "tEXt", "iTXt", "iCCP", "private"],
)
def test_a_png_is_read_whatever_describes_it(data: bytes) -> None:
    assert np.array_equal(decode(data, "a.png").rgb, RGB)


def test_many_texts_are_no_obstacle() -> None:
    info = PngImagePlugin.PngInfo()
    for number in range(70):
        info.add_text(f"note {number}", "y" * 1_000_000, zip=True)
    assert np.array_equal(decode(saved(Image.fromarray(RGB), "PNG", pnginfo=info)).rgb, RGB)


def test_another_profile_is_converted_and_said() -> None:
    """sRGB's own profile with red and blue exchanged: what was red is blue then."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack_from(">I", srgb, 128)[0]
    tags = {bytes(srgb[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    swapped = bytearray(srgb)
    swapped[red + 4 : red + 12], swapped[blue + 4 : blue + 12] = srgb[blue + 4 : blue + 12], srgb[red + 4 : red + 12]
    name = tags[b"desc"]
    place, size = struct.unpack_from(">II", swapped, name + 4)
    text = bytes(swapped[place : place + size])
    swapped[place : place + size] = text.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be")).replace(
        b"sRGB", b"mine"
    )
    for kind in ("PNG", "JPEG", "TIFF"):
        seen = decode(saved(Image.fromarray(RGB), kind, icc_profile=bytes(swapped)), f"a.{kind.lower()}")
        plain = decode(saved(Image.fromarray(RGB), kind), f"a.{kind.lower()}").rgb
        assert np.abs(seen.rgb.astype(int) - plain[..., ::-1]).max() <= 2, kind
        assert any("converted from the profile mine" in note for note in seen.notes)
        same = decode(saved(Image.fromarray(RGB), kind, icc_profile=bytes(srgb)), f"a.{kind.lower()}")
        assert np.array_equal(same.rgb, plain) and not any("profile" in note for note in same.notes)
        broken = decode(saved(Image.fromarray(RGB), kind, icc_profile=b"none of it" * 30), f"a.{kind.lower()}")
        assert np.array_equal(broken.rgb, plain) and any("cannot be read" in note for note in broken.notes)


def test_a_picture_that_is_clear_everywhere_shows_its_colours() -> None:
    clear = np.dstack([RGB, np.zeros((40, 60), np.uint8)])
    seen = decode(saved(Image.fromarray(clear, "RGBA"), "PNG"))
    assert np.array_equal(seen.rgb, RGB) and CLEAR_NOTE in seen.notes


@pytest.mark.parametrize("size", [(30, 20), (15, 10)])
def test_a_map_behind_a_jpeg_is_no_second_picture(size: tuple[int, int]) -> None:
    main, extra = Image.fromarray(RGB), Image.new("L", size, 90).convert("RGB")
    data = saved(main, "MPO", save_all=True, append_images=[extra], quality=95)
    assert np.array_equal(decode(data, "phone.jpg").rgb, decode(saved(main, "JPEG", quality=95)).rgb)
    with pytest.raises(InputError, match="several pictures"):
        decode(saved(main, "MPO", save_all=True, append_images=[main], quality=95))


def pages(*parts: tuple[np.ndarray, int]) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for part, kind in parts:
            file.write(part, photometric="rgb", subfiletype=kind, metadata=None)
    return buffer.getvalue()


def test_reduced_pages_of_a_tiff_are_no_pictures_of_their_own() -> None:
    small = np.ascontiguousarray(RGB[::2, ::2])
    for data in (pages((RGB, 0), (small, 1)), pages((small, 1), (RGB, 0))):
        assert np.array_equal(decode(data, "a.tif").rgb, RGB)
    with pytest.raises(InputError, match="several pages"):
        decode(pages((RGB, 0), (small, 0)))


@pytest.mark.parametrize("depth", [8, 16])
def test_an_imagej_composite_is_one_picture(depth: int) -> None:
    channels = np.moveaxis(RGB, 2, 0).astype(np.uint16 if depth == 16 else np.uint8) << (depth - 8)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, channels, imagej=True, metadata={"axes": "CYX", "mode": "composite"})
    seen = decode(buffer.getvalue(), "a.tif")
    assert np.array_equal(seen.rgb, RGB) and COMPOSITE_NOTE in seen.notes
    stack = io.BytesIO()
    tifffile.imwrite(stack, channels, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match="several pages"):
        decode(stack.getvalue(), "a.tif")


def test_a_jpeg_of_endless_scans_is_refused_at_once() -> None:
    data = saved(Image.fromarray(np.tile(RGB, (20, 20, 1))), "JPEG", progressive=True)
    assert decode(data).rgb.shape == (800, 1200, 3)
    start = data.rindex(b"\xff\xda")
    scan = data[start : len(data) - 2]
    bomb = data[:-2] + scan * (MOST_SCANS + 5) + b"\xff\xd9"
    began = time.monotonic()
    with pytest.raises(InputError, match=f"more than {MOST_SCANS} scans"):
        decode(bomb)
    assert time.monotonic() - began < 1


def test_a_scan_in_a_preview_or_a_note_does_not_count() -> None:
    data = saved(Image.fromarray(RGB), "JPEG", comment=b"\xff\xda" * 200, exif=Image.Exif().tobytes())
    assert decode(data).rgb.shape == RGB.shape


@pytest.mark.parametrize("side", [46_000, 2**31])
def test_a_tile_that_is_larger_than_any_picture_is_refused(side: int) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((64, 64, 3), np.uint8), tile=(32, 32), photometric="rgb", compression="zlib")
    data = bytearray(buffer.getvalue())
    for tag in (322, 323):
        heads = [struct.pack("<HHI", tag, kind, 1) for kind in (3, 4)]
        place = next(data.index(head) for head in heads if head in data)
        struct.pack_into("<HHII", data, place, tag, 4, 1, side)
    with pytest.raises(InputError, match="tiles"):
        decode(bytes(data), "a.tif")

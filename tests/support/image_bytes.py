"""Image files put together byte by byte from their specifications, so that tests need not trust an encoder."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG: length, kind, content, checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(size: tuple[int, int], depth: int, colour_type: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of `size` (width, height); `rows` are the scan lines, each led by its filter byte."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    before = b"".join(png_chunk(*chunk) for chunk in chunks)
    body = before + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return PNG_SIGNATURE + png_chunk(b"IHDR", header) + body


def scan_lines(values: np.ndarray) -> bytes:
    """Rows of a PNG from (H, W) or (H, W, C) samples of 8 or 16 bits, unfiltered."""
    wide = values.astype(">u2" if values.dtype == np.uint16 else np.uint8)
    return b"".join(b"\0" + row.tobytes() for row in wide)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Samples of `bits` bits, high bit first, without gaps; a row must end on a byte."""
    digits = "".join(f"{value:0{bits}b}" for value in values.ravel())
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def tiff(size: tuple[int, int], strip: bytes, tags: dict[int, tuple[int, int]]) -> bytes:
    """A little-endian TIFF of one page and one strip; `tags` maps a tag to (type, value), 3 for SHORT, 4 for LONG."""
    width, height = size
    entries = {256: (4, width), 257: (4, height), 259: (3, 1), 273: (4, 8), 278: (4, height), 279: (4, len(strip))}
    entries |= {277: (3, 1)} | tags
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(entries)) + table + bytes(4)


def without_segment(jpeg: bytes, marker: int) -> bytes:
    """A JPEG less its first segment with `marker` (such as 0xEE for APP14)."""
    start = jpeg.index(bytes((0xFF, marker)))
    (length,) = struct.unpack_from(">H", jpeg, start + 2)
    return jpeg[:start] + jpeg[start + 2 + length :]


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """The bytes of `image` as Pillow writes them."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()

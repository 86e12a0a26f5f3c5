"""What the costliest files that are still accepted cost to decode: time and memory, each in a process of its own."""

from __future__ import annotations

import io
import json
import multiprocessing
import resource
import struct
import time
import zlib
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import tifffile
import typer
from PIL import Image

from core.decoding import decode
from core.decoding.containers import MOST_SCANS

WIDTH, HEIGHT = 6400, 6250  # px: 40 megapixels, the most that is accepted
SCAN, END = b"\xff\xda", 2


def progressive_jpeg() -> bytes:
    """A progressive JPEG of 40 megapixels of coarse noise."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    return _saved(Image.fromarray(noise).resize((WIDTH, HEIGHT)), "JPEG", quality=60, progressive=True)


def many_scans() -> bytes:
    """A progressive JPEG whose last scan comes again and again, up to the limit."""
    data = _saved(_flat(), "JPEG", quality=50, progressive=True)
    last = data[data.rindex(SCAN) : -END]
    return data[:-END] + last * (MOST_SCANS - data.count(SCAN)) + data[-END:]


def deep_png() -> bytes:
    """A PNG of 16 bits a channel in which every line is predicted from the one above (Paeth)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    lines = zlib.compress((b"\x04" + bytes(WIDTH * 6)) * HEIGHT, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def deep_tiff() -> bytes:
    """A TIFF of 16 bits a channel, deflated."""
    buffer = io.BytesIO()
    pixels = np.full((HEIGHT, WIDTH, 3), 700, dtype=np.uint16)
    tifffile.imwrite(buffer, pixels, compression="zlib", photometric="rgb")
    return buffer.getvalue()


def lossless_webp() -> bytes:
    """A lossless WebP of one colour."""
    return _saved(_flat(), "WEBP", lossless=True, method=0)


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "progressive JPEG": ("a.jpg", progressive_jpeg),
    f"JPEG of {MOST_SCANS} scans": ("a.jpg", many_scans),
    "PNG of 16 bits": ("a.png", deep_png),
    "TIFF of 16 bits": ("a.tif", deep_tiff),
    "lossless WebP": ("a.webp", lossless_webp),
}


def decoding(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Decode the costliest files that are still accepted; print time and memory."""
    rows = []
    for kind, (name, make) in FILES.items():
        with multiprocessing.get_context("spawn").Pool(1) as process:
            rows.append({"file": kind, **process.apply(_measured, (name, make()))})
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['file']:22} {row['megabytes']:6.1f} MB  {row['seconds']:5.2f} s  +{row['memory_mb']:.0f} MB")


def _measured(name: str, data: bytes) -> dict[str, Any]:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    decode(data, name)
    seconds = time.perf_counter() - started
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"megabytes": len(data) / 1e6, "seconds": seconds, "memory_mb": memory}


def _flat() -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), (200, 180, 190))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

"""How large an image may be, checked on its bytes and its header before any pixel is decoded."""

from __future__ import annotations

from core.errors import InputError

MAX_BYTES = 20 * 2**20
"""The largest accepted file, in bytes (20 MB)."""

MAX_PIXELS = 40_000_000
"""The largest accepted image, in pixels (40 MP): 120 MB as RGB."""

MIN_SIDE = 16
"""The smallest accepted width and height, in pixels."""

MAX_RATIO = 8
"""The largest accepted ratio of the longer side to the shorter; a strip, made square, would fill the memory."""


def check_bytes(count: int, label: str) -> None:
    """Raise `InputError` for a file of `count` bytes that is empty or above `MAX_BYTES`."""
    if count == 0:
        raise InputError(f"{label} is empty (0 bytes). Choose another file.")
    if count > MAX_BYTES:
        raise InputError(
            f"{label} has {count / 2**20:.1f} MB; at most {MAX_BYTES // 2**20} MB are accepted. "
            "Crop it around the cell or save it as JPEG or PNG."
        )


def check_size(width: int, height: int, label: str) -> None:
    """Raise `InputError` for a size in pixels below `MIN_SIDE` a side or above `MAX_PIXELS` in all."""
    size = f"{width:,} x {height:,} px"
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{label} has {size} ({width * height / 1e6:,.1f} megapixels); "
            f"at most {MAX_PIXELS // 1_000_000} megapixels are accepted. Crop it around the cell or make it smaller."
        )
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InputError(f"{label} has {size}: a strip. Crop it to at most {MAX_RATIO}:1 around the cell.")
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{label} has {size}: too small to show a cell. Each side needs at least {MIN_SIDE} px.")

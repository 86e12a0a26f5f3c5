"""What a file holds beside its picture, looked at before anything is decoded: a PNG's chunks of text and profile, a
JPEG's scans and further pictures, a TIFF's pages and tiles. What depends on the main picture is no second picture."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL.ImageFile import ImageFile

from core.errors import InputError

MOST_SCANS = 40  # of a progressive JPEG; encoders write about ten, and each costs a walk through the whole picture
MOST_TILE = 40_000_000  # px of a TIFF's tile, as many as a picture may have
MOST_PAGES = 64  # of a TIFF that are looked at
MOST_PROFILE = 8 * 2**20  # bytes of an unpacked colour profile

_PICTURE_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL"}
_SMALL_CHUNKS = {b"eXIf": 2**20, b"gAMA": 4, b"sRGB": 1, b"cHRM": 32}  # kept up to so many bytes
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed byte nor a restart
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_SOS, _EOI = 0xDA, 0xD9
_NEW_SUBFILE, _SUBFILE, _DESCRIPTION, _TILE_WIDTH, _TILE_LENGTH = 254, 255, 270, 322, 323
_REDUCED, _MASK = 1, 4
_MP_ENTRIES = 0xB002


def plain_png(data: bytes) -> tuple[bytes, bytes | None]:
    """A PNG without what describes it, and its colour profile; the bytes as they are where its chunks are damaged.

    Pillow refuses pictures with texts of a megabyte. A profile of more than 8 MB counts as none.
    """
    kept, profile = [data[:8]], None
    for name, start, end in _chunks(data):
        size = end - start - 12
        if name in _PICTURE_CHUNKS or size <= _SMALL_CHUNKS.get(name, -1):
            kept.append(data[start:end])
        elif name == b"iCCP":
            profile = _unpacked(data[start + 8 : end - 4])
        if name == b"IEND":
            return b"".join(kept), profile
    return data, None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk, as far as they are whole."""
    place = 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        end = place + 12 + size
        if end > len(data):
            return
        yield data[place + 4 : place + 8], place, end
        place = end


def _unpacked(chunk: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a zero, the method, then deflated data."""
    name, _, rest = chunk.partition(b"\0")
    if len(name) > 79 or rest[:1] != b"\0":
        return None
    try:
        unpacker = zlib.decompressobj()
        profile = unpacker.decompress(rest[1:], MOST_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof else None


def check_scans(data: bytes, label: str) -> None:
    """Raise `InputError` for a JPEG of more scans than any encoder writes: each costs as much time as a picture."""
    scans, place = 0, 2
    while (found := _NEXT_MARKER.search(data, place)) is not None:
        marker, place = data[found.start() + 1], found.end()
        if marker == _EOI:
            return
        scans += marker == _SOS
        if scans > MOST_SCANS:
            raise InputError(
                f"{label} is a JPEG of more than {MOST_SCANS} scans, which would take very long to decode. "
                "Save it again as an ordinary JPEG or as PNG."
            )
        if marker not in _STANDALONE and place + 2 <= len(data):
            place += max(2, struct.unpack_from(">H", data, place)[0])


def has_further_pictures(image: ImageFile) -> bool:
    """Whether a JPEG of several (MPO) holds more than one that stands for itself.

    Previews, and gain or depth maps, which are smaller than the main picture or said to depend on it, do not.
    """
    main, own = image.size, 0
    for number, entry in enumerate(getattr(image, "mpinfo", {}).get(_MP_ENTRIES, [])):
        facts = entry["Attribute"]
        if number and (facts["MPType"].startswith("Large Thumbnail") or facts.get("DependentChildImageFlag")):
            continue
        image.seek(number)
        own += image.size == main
    image.seek(0)
    return own > 1


def check_tiles(tags: dict[int, Any], label: str) -> None:
    """Raise `InputError` for a TIFF whose tiles are larger than any picture may be: one is held in memory at once."""
    width, length = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    if not all(isinstance(side, int) for side in (width, length)) or width * length > MOST_TILE:
        raise InputError(f"{label} is a TIFF with tiles of {width} x {length} px. Save it without tiles, or as PNG.")


def own_pages(image: ImageFile) -> list[int]:
    """Numbers of a TIFF's pages that are pictures of their own: neither a reduced copy of another nor a mask."""
    own = []
    for number in range(min(MOST_PAGES, int(getattr(image, "n_frames", 1)))):
        image.seek(number)
        tags = dict(getattr(image, "tag_v2", {}))
        kind, old_kind = tags.get(_NEW_SUBFILE, 0), tags.get(_SUBFILE, 1)
        if not (isinstance(kind, int) and kind & (_REDUCED | _MASK)) and old_kind != 2:
            own.append(number)
    image.seek(own[0] if own else 0)
    return own


def is_composite(tags: dict[int, Any], pages: int) -> bool:
    """Whether a TIFF is ImageJ's composite of three channels, a page each."""
    lines = str(tags.get(_DESCRIPTION, "")).splitlines()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return pages == 3 and "ImageJ" in facts and facts.get("channels") == "3" and facts.get("images") == "3"

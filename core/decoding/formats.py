"""What a file is, before any pixel is decoded: its format by its first bytes, its size, pages and bit depth by its
header, and the limits that it must keep.

Pillow's own format classes are called rather than `PIL.Image.open`: they parse the header alone, without the
process-wide size limit (`Image.MAX_IMAGE_PIXELS`), its warnings, or any format but the one that the signature names.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from core.decoding.containers import check_scans, check_tiles, has_further_pictures, is_composite, own_pages
from core.errors import InputError

MAX_BYTES = 20 * 2**20
"""The largest accepted file, in bytes (20 MB)."""

MAX_PIXELS = 40_000_000
"""The largest accepted image, in pixels (40 MP): 120 MB as RGB."""

MIN_SIDE = 16
"""The smallest accepted width and height, in pixels."""

MAX_RATIO = 8
"""The largest accepted ratio of the longer side to the shorter; a strip, made square, would fill the memory."""

_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.jpeg_factory,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
}

_BITS_PER_SAMPLE, _COMPRESSION, _PLANAR, _PHOTOMETRIC, _ORIENTATION = 258, 259, 284, 262, 274
_PALETTE_MODES = ("P", "PA")

SUFFIXES: dict[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WebP": (".webp",),
}
"""The accepted formats and the file name endings that go with each."""

ACCEPTED = "PNG, JPEG, BMP, TIFF and WebP"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_OTHER_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "a GIF image"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"II\xbc", "a JPEG XR image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
)

_ISO_MEDIA_BRANDS = {b"avif": "an AVIF image", b"avis": "an AVIF image", b"heic": "a HEIC image"} | dict.fromkeys(
    (b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "a HEIC image"
)


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


def open_header(data: bytes, image_format: str, label: str) -> ImageFile:
    """Parse the header of `data` and return Pillow's image, its pixels not yet decoded.

    Raises `InputError` for a size outside the limits or more than one page, and Pillow's own errors for a damaged
    header.
    """
    if image_format == "WebP":
        check_size(*_webp_size(data), label)  # Pillow allocates the canvas of a WebP when it opens it
    if image_format == "JPEG":
        check_scans(data, label)
    image = _OPENERS[image_format](io.BytesIO(data))
    check_size(*image.size, label)
    _check_pages(image, image_format, label)
    check_size(*image.size, label)  # a TIFF's main page need not be its first
    if image_format == "TIFF":
        check_tiles(tiff_tags(image), label)
    return image


def bit_depth(image: ImageFile, data: bytes, image_format: str) -> int:
    """Bits per channel as the header declares them: 1 to 16, or 32; 8 where a palette holds the colours."""
    if image.mode in _PALETTE_MODES:
        return 8
    if image_format == "PNG":
        return data[24]
    if image_format == "TIFF":
        return int(max(tiff_tags(image).get(_BITS_PER_SAMPLE, (1,))))
    if image_format == "BMP":
        return _bmp_depth(image, data)
    return 8


def tiff_tags(image: ImageFile) -> dict[int, Any]:
    """The tags of a TIFF's page by their number; empty for any other format."""
    return dict(getattr(image, "tag_v2", {}))


def turns_itself(image: ImageFile) -> bool:
    """Whether an image is a TIFF whose orientation tag Pillow applies, and forgets, on decoding."""
    return tiff_tags(image).get(_ORIENTATION) in range(2, 9)


def is_white_zero(image: ImageFile) -> bool:
    """Whether a TIFF declares that 0 is white (PhotometricInterpretation 0)."""
    return bool(tiff_tags(image).get(_PHOTOMETRIC) == 0)


def check_layout(image: ImageFile, depth: int, label: str) -> None:
    """Raise `InputError` for the one layout that Pillow 13 reads wrongly: raw 16-bit colour in separate planes."""
    tags = tiff_tags(image)
    if depth > 8 and tags.get(_PLANAR) == 2 and tags.get(_COMPRESSION, 1) == 1:
        raise InputError(
            f"{label} is a TIFF with {depth} bits per channel in separate planes, which is not supported. "
            "Save it as PNG, or as TIFF with interleaved channels."
        )


def _check_pages(image: ImageFile, image_format: str, label: str) -> None:
    """Raise `InputError` for a file of several pages or frames; what depends on the main picture is none.

    A TIFF is left at its main page.
    """
    if image.format == "MPO":
        what, several = "a JPEG with several pictures (MPO)", has_further_pictures(image)
    elif image.format == "TIFF":
        pages = own_pages(image) if getattr(image, "is_animated", False) else [0]
        composite = is_composite(tiff_tags(image), len(pages))
        what, several = "a TIFF with several pages", len(pages) > 1 and not composite
    else:
        what, several = f"an animated {image_format} with several frames", getattr(image, "n_frames", 1) > 1
    if several:
        raise InputError(
            f"{label} is {what}; one picture a file is accepted. Save the page or frame you mean as a file of its own."
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in the header of a WebP (RFC 9649, sections 2.5 to 2.7); ValueError where there is none."""
    chunk = data[12:16]
    if len(data) < 30 or chunk not in (b"VP8 ", b"VP8L", b"VP8X"):
        raise ValueError("its header ends early or is unknown")
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[start : start + 3], "little") + 1 for start in (24, 27))
        return width, height
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _bmp_depth(image: ImageFile, data: bytes) -> int:
    """Bits per channel of a BMP: 1 for black and white, 5 for 16-bit colour (6 in green at times), else 8."""
    (header_size,) = struct.unpack_from("<I", data, 14)
    (bits_per_pixel,) = struct.unpack_from("<H", data, 24 if header_size == 12 else 28)
    if image.mode == "1":
        return 1
    return 5 if bits_per_pixel == 16 else 8


def identify(data: bytes) -> str | None:
    """The accepted format whose signature `data` starts with (a key of `SUFFIXES`), or None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    return None


def describe_other(data: bytes) -> str:
    """What a file of no accepted format is, as far as its bytes tell, as in "a GIF image" or "text"."""
    for start, what in _OTHER_STARTS:
        if data.startswith(start):
            return what
    if data[4:8] == b"ftyp":
        return _ISO_MEDIA_BRANDS.get(data[8:12], "a video or another ISO media file")
    if data[128:132] == b"DICM":
        return "a DICOM image"
    if _is_text(data[:1024]):
        return "an SVG drawing" if b"<svg" in data[:1024].lower() else "text"
    return "no known image format, or a damaged file"


def expected_format(suffix: str) -> str | None:
    """The accepted format that a file name ending such as ".jpg" stands for, or None."""
    return next((name for name, suffixes in SUFFIXES.items() if suffix.lower() in suffixes), None)


def _is_text(sample: bytes) -> bool:
    """Whether `sample` is UTF-8 (cut anywhere) without control characters other than white space."""
    try:
        text = sample.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3:
            return False
        text = sample[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)

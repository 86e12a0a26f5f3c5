"""Opening an image up to its header: size, pages and bit depth, with no pixel decoded.

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

from core.decoding.limits import check_size
from core.errors import InputError

_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.jpeg_factory,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
}

_BITS_PER_SAMPLE, _COMPRESSION, _PLANAR, _PHOTOMETRIC, _ORIENTATION = 258, 259, 284, 262, 274
_MP_ENTRIES = 0xB002
_PALETTE_MODES = ("P", "PA")


def open_header(data: bytes, image_format: str, label: str) -> ImageFile:
    """Parse the header of `data` and return Pillow's image, its pixels not yet decoded.

    Raises `InputError` for a size outside the limits or more than one page, and Pillow's own errors for a damaged
    header.
    """
    if image_format == "WebP":
        check_size(*_webp_size(data), label)  # Pillow allocates the canvas of a WebP when it opens it
    image = _OPENERS[image_format](io.BytesIO(data))
    check_size(*image.size, label)
    _check_pages(image, image_format, label)
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
    """Raise `InputError` for a file of several pages or frames; a camera's large preview does not count as one."""
    if image.format == "MPO":
        entries = getattr(image, "mpinfo", {}).get(_MP_ENTRIES, [])
        previews = [entry for entry in entries if entry["Attribute"]["MPType"].startswith("Large Thumbnail")]
        what, several = "a JPEG with several pictures (MPO)", len(entries) - len(previews) != 1
    elif image.format == "TIFF":
        what, several = "a TIFF with several pages", bool(getattr(image, "is_animated", False))
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

"""The one way from untrusted bytes to an RGB image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from core.decoding.header import bit_depth, check_layout, is_white_zero, open_header, turns_itself
from core.decoding.limits import check_bytes
from core.decoding.pixels import check_mode, to_rgb
from core.decoding.signatures import ACCEPTED, describe_other, expected_format, identify
from core.errors import InputError

_EXIF_ORIENTATION = 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION_NOTE = "The picture was turned or mirrored to stand upright, as its orientation tag says."


@dataclass(frozen=True)
class DecodedImage:
    """An image as the engine takes it, and what happened to it on the way.

    `rgb` is (H, W, 3) uint8, contiguous and read-only, for it is shared between sessions. `sha256` is the hash of the
    file's bytes in hex, `format` a key of `core.decoding.SUFFIXES`, `bit_depth` the bits per channel that the file
    declares, `notes` sentences for the reader, `name` the file's name without folders.
    """

    rgb: np.ndarray
    sha256: str
    format: str
    bit_depth: int
    notes: tuple[str, ...]
    name: str


def decode(data: bytes, name: str = "") -> DecodedImage:
    """Decode the bytes of a PNG, JPEG, BMP, TIFF or WebP file into upright RGB uint8.

    The format is told by the bytes; `name` serves messages and the note on a wrong file name ending. Limits on bytes
    and pixels are checked before pixels are decoded. No process-wide setting is read or changed: safe in any thread.

    Raises `InputError` for anything that is not one whole picture of an accepted format and size.
    """
    label = _label(name)
    check_bytes(len(data), label)
    image_format = identify(data)
    if image_format is None:
        raise InputError(
            f"{label} cannot be read as an image: its content is {describe_other(data)}. Accepted are {ACCEPTED}."
        )
    with _damage_reported(label, image_format):
        image = open_header(data, image_format, label)
        depth = bit_depth(image, data, image_format)
        check_mode(image.mode, label)
        check_layout(image, depth, label)
        rgb, notes = _decode_pixels(image, depth)
    return DecodedImage(
        rgb=rgb,
        sha256=hashlib.sha256(data).hexdigest(),
        format=image_format,
        bit_depth=depth,
        notes=(*_name_notes(name, image_format), *notes),
        name=PurePath(name).name,
    )


def _decode_pixels(image: ImageFile, depth: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode the pixels of an opened image: upright RGB (H, W, 3) uint8, read-only, and the notes on it."""
    turned, white_is_zero = turns_itself(image), is_white_zero(image)
    image.load()
    turn = _TURNS.get(_exif_orientation(image))
    upright, notes = to_rgb(_as_plain_cmyk(image), depth, white_is_zero)
    if turn is not None:
        upright = upright.transpose(turn)
    rgb = np.array(upright)
    rgb.setflags(write=False)
    return rgb, ((ORIENTATION_NOTE, *notes) if turned or turn is not None else notes)


def _exif_orientation(image: ImageFile) -> int:
    """The EXIF orientation (1 to 8); 1 where there is none, or EXIF that cannot be read."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:
        return 1


def _as_plain_cmyk(image: ImageFile) -> Image.Image:
    """Undo Pillow's inversion of a CMYK JPEG that lacks Adobe's marker: only Adobe stores inks inverted."""
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


@contextmanager
def _damage_reported(label: str, image_format: str) -> Iterator[None]:
    """Turn whatever Pillow raises on damaged or unusual data, which is of many kinds, into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        cause = f"it is truncated, damaged or of an unusual kind ({reason})"
        if "truncated" in reason.lower():
            cause = "it is truncated: its data end too early"
        raise InputError(
            f"{label} is a {image_format} file that cannot be decoded: {cause}. Copy or export it again."
        ) from error


def _name_notes(name: str, image_format: str) -> tuple[str, ...]:
    """A note where the file name's ending stands for another format, or for none that is accepted."""
    suffix = PurePath(name).suffix
    if not suffix or expected_format(suffix) == image_format:
        return ()
    return (f"The name ends in {_printable(suffix)}, but the content is {image_format} and was read as such.",)


def _label(name: str) -> str:
    """How messages call the file: its name, printable and short, or "The image"."""
    return _printable(PurePath(name).name) or "The image"


def _printable(text: str) -> str:
    shown = "".join(character for character in text if character.isprintable())
    return shown if len(shown) <= 80 else f"{shown[:60]}…{shown[-16:]}"

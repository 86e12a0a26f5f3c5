"""The one way from untrusted bytes to an RGB image, with a sentence for each change that a reader should know of.

More than 8 bits are scaled by the declared depth (the eight most significant bits are kept, for grey and for colour);
transparency is laid over white; CMYK is converted without its colour profile; colours of another embedded profile are
converted to sRGB, gamma alone is not applied; values without a declared range (floating point, signed or 32-bit
integers) are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from core.decoding.colours import to_srgb
from core.decoding.containers import is_composite, plain_png
from core.decoding.formats import (
    ACCEPTED,
    bit_depth,
    check_bytes,
    check_layout,
    describe_other,
    expected_format,
    identify,
    is_white_zero,
    open_header,
    tiff_tags,
    turns_itself,
)
from core.errors import InputError

_WITHOUT_RANGE = {
    "F": "floating-point values",
    "I": "signed or 32-bit integers",
    "LAB": "CIE L*a*b* values",
}

_GREY_MODES = ("1", "L", "LA", "La")
_ALPHA_MODES = ("LA", "PA", "RGBA")
_COLOUR_MODES = ("RGB", "RGBA", "CMYK", "YCbCr", "P", "PA")
GREY_NOTE = "The picture is grey: its one channel was copied to red, green and blue."
ALPHA_NOTE = "Transparent parts were laid over white."
CMYK_NOTE = "CMYK inks were converted to RGB without their colour profile: colours are approximate."
COMPOSITE_NOTE = "Its three channels, a page each, were taken for red, green and blue."
CLEAR_NOTE = "The picture is transparent everywhere: its transparency was left out."
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


def check_mode(mode: str, label: str) -> None:
    """Raise `InputError` for pixels in `mode` (Pillow's name) whose range or meaning the file does not settle."""
    if mode.startswith("I;16") or mode in _GREY_MODES + _COLOUR_MODES:
        return
    what = _WITHOUT_RANGE.get(mode, f'pixels of the kind "{mode}"')
    raise InputError(f"{label} holds {what}, which cannot be shown faithfully. Save it with 8 or 16 bits per channel.")


def to_rgb(image: Image.Image, depth: int, white_is_zero: bool) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert a loaded image to mode RGB (8 bits a channel) and say what was done to it.

    `depth` is the bits per channel that the file declares, `white_is_zero` whether its grey runs from white to black
    (used above 8 bits, where Pillow leaves it as it is).
    """
    notes = []
    if image.mode.startswith("I;16"):
        image = _grey_to_eight_bits(image, depth, white_is_zero)
    else:
        image = _scale_transparent_colour(image, depth)
    if image.mode in _GREY_MODES:
        notes.append(GREY_NOTE)
    if image.mode == "CMYK":
        notes.append(CMYK_NOTE)
    if image.mode in _ALPHA_MODES or image.mode == "La" or "transparency" in image.info:
        clear = image.mode in _ALPHA_MODES and image.getchannel("A").getextrema()[1] == 0
        image, composited = _over_white(image)
        notes += [CLEAR_NOTE] if clear else [ALPHA_NOTE] if composited else []
    elif image.mode != "RGB":
        image = image.convert("RGB")
    return image, (*notes, *_depth_notes(image, depth))


def _depth_notes(image: Image.Image, depth: int) -> list[str]:
    """What was done to `depth` bits; and a remark where their upper part is unused, as with 12-bit data in 16 bits."""
    if depth <= 8:
        return []
    notes = [f"{depth} bits per channel were scaled to 8 (0 to {2**depth - 1:,} became 0 to 255)."]
    brightest = max(high for _, high in image.getextrema())  # type: ignore[misc]
    if brightest < 16:
        notes.append(
            f"The picture is almost black: its values stay below {(brightest + 1) << (depth - 8):,} of "
            f"{2**depth - 1:,}. If the camera recorded fewer bits than the file declares, stretch the values first."
        )
    return notes


def _grey_to_eight_bits(image: Image.Image, depth: int, white_is_zero: bool) -> Image.Image:
    """Grey of 9 to 16 bits as "L", or "LA" where one value is declared transparent."""
    values = np.asarray(image).astype(np.uint16)  # (H, W), native byte order
    grey = (values >> (depth - 8)).astype(np.uint8)
    if white_is_zero:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _scale_transparent_colour(image: Image.Image, depth: int) -> Image.Image:
    """Bring a PNG's transparent colour to the 8 bits that Pillow scales the pixels to, but not this colour."""
    transparent = image.info.get("transparency")
    if depth == 16 and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    elif depth in (2, 4) and image.mode == "L" and isinstance(transparent, int):
        image.info["transparency"] = transparent * 255 // (2**depth - 1)
    return image


def _over_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """Lay `image` over white; also whether any pixel was not opaque."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    alpha = image.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest == 255 or highest == 0:  # opaque, or clear everywhere: then the colours are what was meant
        return image.convert("RGB"), False
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=alpha)
    return white, True


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
        plain, profile = plain_png(data) if image_format == "PNG" else (data, None)
        image = open_header(plain, image_format, label)
        depth = bit_depth(image, plain, image_format)
        check_mode(image.mode, label)
        check_layout(image, depth, label)
        rgb, notes = _decode_pixels(image, depth, profile or image.info.get("icc_profile"))
    return DecodedImage(
        rgb=rgb,
        sha256=hashlib.sha256(data).hexdigest(),
        format=image_format,
        bit_depth=depth,
        notes=(*_name_notes(name, image_format), *notes),
        name=PurePath(name).name,
    )


def _decode_pixels(image: ImageFile, depth: int, profile: bytes | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode the pixels of an opened image: upright RGB (H, W, 3) uint8, read-only, and the notes on it."""
    turned, white_is_zero, size = turns_itself(image), is_white_zero(image), image.size
    if image.format == "TIFF" and is_composite(tiff_tags(image), getattr(image, "n_frames", 1)):
        upright, notes = _composite(image, depth, size)
    else:
        image.load()
        upright, notes = to_rgb(_as_plain_cmyk(image), depth, white_is_zero)
    turn = _TURNS.get(_exif_orientation(image))
    if profile and image.mode in _COLOUR_MODES and image.mode != "CMYK":
        upright, told = to_srgb(upright, profile)
        notes += told
    if turn is not None:
        upright = upright.transpose(turn)
    rgb = np.array(upright)
    rgb.setflags(write=False)
    return rgb, ((ORIENTATION_NOTE, *notes) if turned or turn is not None else notes)


def _composite(image: ImageFile, depth: int, size: tuple[int, int]) -> tuple[Image.Image, tuple[str, ...]]:
    """Red, green and blue from the three pages of an ImageJ composite."""
    channels = []
    for number in range(3):
        image.seek(number)
        if image.size != size:
            raise ValueError("its channels differ in size")
        image.load()
        channels.append(to_rgb(image.copy(), depth, False)[0].getchannel(0))
    return Image.merge("RGB", channels), (COMPOSITE_NOTE,)


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

"""From any of Pillow's pixel modes to RGB uint8, with a sentence for each change that a reader should know of.

The rules: more than 8 bits are scaled by the declared depth (the eight most significant bits are kept, the same for
grey and for colour); transparency is laid over white; CMYK is converted without its colour profile; embedded colour
profiles and gamma are not applied; values without a declared range (floating point, signed or 32-bit integers) are
refused.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

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
        image, composited = _over_white(image)
        notes += [ALPHA_NOTE] if composited else []
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
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB"), False
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=alpha)
    return white, True

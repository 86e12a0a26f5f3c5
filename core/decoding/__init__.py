"""From untrusted bytes to RGB pixels: what is accepted, what is refused, and what the reader is told about it."""

from core.decoding.decode import DecodedImage, decode
from core.decoding.files import find_images, read_image
from core.decoding.formats import MAX_BYTES, MAX_PIXELS, MIN_SIDE, SUFFIXES

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "SUFFIXES",
    "DecodedImage",
    "decode",
    "find_images",
    "read_image",
]

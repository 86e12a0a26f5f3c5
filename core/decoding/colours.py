"""Colours that a file measures by an embedded profile other than sRGB, brought to sRGB, for which everything here takes
them."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

LONGEST_NAME = 60  # letters of a profile's name that are told

UNREAD_NOTE = "Its colour profile cannot be read: the colours were taken for sRGB."


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an RGB image from the embedded ICC `profile` to sRGB (relative colorimetric), and say so.

    The image as it is where the profile is sRGB, is for another kind of pixels, or cannot be read.
    """
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = _name(given)
        if "srgb" in name.casefold().replace(" ", "") or given.profile.xcolor_space.strip() != "RGB":
            return image, ()
        own = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        converted = ImageCms.profileToProfile(image, given, own, intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return image, (UNREAD_NOTE,)
    if converted is None:
        return image, (UNREAD_NOTE,)
    return converted, (f"Its colours were converted from the profile {name} to sRGB.",)


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    told = ImageCms.getProfileDescription(profile)
    return "".join(letter for letter in told if letter.isprintable()).strip()[:LONGEST_NAME] or "without a name"

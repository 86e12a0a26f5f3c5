"""Ways to make a copy of a photograph: each on its own and combined, every one `(rgb, generator) -> rgb`."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]
# optical densities of three dyes, rows of unit length (Ruifrok and Johnston 2001)
DYES = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "reflected": cv2.BORDER_REFLECT}


def turned(rgb: Picture, border: str, random: np.random.Generator) -> Picture:
    """Turned by any angle, the corners filled."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), random.uniform(0, 360), 1)
    return _bytes(cv2.warpAffine(rgb, matrix, (width, height), borderMode=BORDERS[border]))


def sheared(rgb: Picture, random: np.random.Generator) -> Picture:
    """Sheared by up to 0.15 and shifted by up to a tenth."""
    height, width = rgb.shape[:2]
    bend, shift = random.uniform(-0.15, 0.15, 2), random.uniform(-0.1, 0.1, 2) * (width, height)
    return _bytes(cv2.warpAffine(rgb, np.array([[1, bend[0], shift[0]], [bend[1], 1, shift[1]]]), (width, height)))


def cropped(rgb: Picture, side: float, random: np.random.Generator) -> Picture:
    """A part of `side` of the height and the width, anywhere."""
    height, width = (round(length * side) for length in rgb.shape[:2])
    top, left = random.integers(rgb.shape[0] - height + 1), random.integers(rgb.shape[1] - width + 1)
    return rgb[top : top + height, left : left + width].copy()


def scaled(rgb: Picture, factor: float) -> Picture:
    """Reduced or enlarged."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return _bytes(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=method))


def hue_turned(rgb: Picture, random: np.random.Generator) -> Picture:
    """Any hue."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] = ((hsv[..., 0].astype(int) + random.integers(256)) % 256).astype(np.uint8)
    return _bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL))


def restained(rgb: Picture, strength: float, random: np.random.Generator) -> Picture:
    """Each dye's density stretched and shifted."""
    densities = -np.log((rgb.astype(float) + 1) / 256) @ np.linalg.inv(DYES)
    densities = densities * (1 + strength * random.uniform(-1, 1, 3)) + strength * 0.1 * random.uniform(-1, 1, 3)
    return _bytes(256 * np.exp(-densities @ DYES) - 1)


def toned(rgb: Picture, random: np.random.Generator) -> Picture:
    """Brightness, contrast and gamma."""
    curve = (rgb / 255.0) ** random.uniform(0.6, 1.7) * random.uniform(0.6, 1.2)
    return _bytes(255 * ((curve - 0.5) * random.uniform(0.6, 1.4) + 0.5))


def grey(rgb: Picture) -> Picture:
    """Without colour."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


def compressed(rgb: Picture, quality: int) -> Picture:
    """As a JPEG file of this quality gives it back."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def _mild(rgb: Picture, random: np.random.Generator) -> Picture:
    copy = scaled(cropped(turned(rgb[:, ::-1].copy(), "black", random), 0.8, random), random.uniform(0.7, 1.3))
    return compressed(restained(copy, 0.2, random), 75)


def _strong(rgb: Picture, random: np.random.Generator) -> Picture:
    copy = scaled(cropped(turned(rgb[:, ::-1].copy(), "edge", random), 0.65, random), random.uniform(0.6, 1.5))
    return compressed(toned(hue_turned(copy, random), random), 40)


def _bytes(values: NDArray[np.generic]) -> Picture:
    return np.clip(np.rint(np.asarray(values, dtype=np.float64)), 0, 255).astype(np.uint8)


COPIES: dict[str, Change] = {
    "same pixels": lambda rgb, random: rgb,
    "flipped": lambda rgb, random: rgb[:, ::-1].copy(),
    "quarter turn": lambda rgb, random: np.rot90(rgb, int(random.integers(1, 4))).copy(),
    "turned, corners black": lambda rgb, random: turned(rgb, "black", random),
    "turned, corners from the edge": lambda rgb, random: turned(rgb, "edge", random),
    "turned, corners reflected": lambda rgb, random: turned(rgb, "reflected", random),
    "sheared and shifted": sheared,
    "cropped to 0.8": lambda rgb, random: cropped(rgb, 0.8, random),
    "cropped to 0.6": lambda rgb, random: cropped(rgb, 0.6, random),
    "cropped to 0.45": lambda rgb, random: cropped(rgb, 0.45, random),
    "scaled by 0.35": lambda rgb, random: scaled(rgb, 0.35),
    "scaled by 0.6": lambda rgb, random: scaled(rgb, 0.6),
    "scaled by 1.7": lambda rgb, random: scaled(rgb, 1.7),
    "hue turned": hue_turned,
    "stain changed by 0.4": lambda rgb, random: restained(rgb, 0.4, random),
    "tone changed": toned,
    "grey": lambda rgb, random: grey(rgb),
    "JPEG 50": lambda rgb, random: compressed(rgb, 50),
    "JPEG 20": lambda rgb, random: compressed(rgb, 20),
    "noise 10": lambda rgb, random: _bytes(rgb + random.normal(0, 10, rgb.shape)),
    "blurred 1.5 px": lambda rgb, random: _bytes(cv2.GaussianBlur(rgb, (0, 0), 1.5)),
    "combined, mild": _mild,
    "combined, strong": _strong,
}

"""What another camera, microscope or stain does to a picture, in five steps each: light, contrast, tone, white balance,
hue, stain, focus, motion, noise and compression. Geometry stays as it is, so that maps can be compared.

After Hendrycks & Dietterich 2019 ("Benchmarking neural network robustness to common corruptions"), with what smears
meet in the place of snow and fog; the steps are ours, the fifth about as far as a slide that a person would still read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import hed2rgb, rgb2hed

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
SEVERITIES = (1, 2, 3, 4, 5)
USUAL = 3  # step up to which a shift is what one meets


@dataclass(frozen=True)
class Shift:
    """One kind of change: `steps` are its strengths in `unit`, weakest first; `apply` takes a picture `(H, W, 3)` in
    [0, 1], a strength, and a generator.
    """

    name: str
    title: str
    unit: str
    steps: tuple[float, float, float, float, float]
    apply: Callable[[Floats, float, np.random.Generator], Floats]


def shifted(rgb: Picture, name: str, severity: int, seed: int = 0) -> Picture:
    """`rgb` `(H, W, 3) uint8` changed by the shift `name` at `severity` 1 to 5; one seed gives one picture."""
    shift = SHIFTS[name]
    random = np.random.default_rng([seed, severity, list(SHIFTS).index(name)])
    changed = shift.apply(rgb.astype(np.float64) / 255, shift.steps[severity - 1], random)
    return np.asarray(np.rint(np.clip(changed, 0, 1) * 255), dtype=np.uint8)


def _brightness(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    return picture * strength


def _contrast(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    mean = picture.mean(axis=(0, 1), keepdims=True)
    return mean + strength * (picture - mean)


def _gamma(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    return np.asarray(picture**strength)


def _white_balance(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    """A warmer lamp: red rises and blue falls by the same share."""
    return picture * np.array([1 + strength, 1.0, 1 - strength])


def _hue(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    hsv = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2HSV)  # hue in degrees
    hsv[..., 0] = (hsv[..., 0] + strength) % 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.float64)


def _stain(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    """More of the basic dye and less of eosin, as haematoxylin and eosin are told apart by Ruifrok & Johnston 2001."""
    stains = rgb2hed(picture)
    stains[..., 0] *= 1 + strength
    stains[..., 1] *= 1 - strength
    return np.asarray(hed2rgb(stains))


def _focus(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    """Gaussian blur; the deviation is a share of the shorter side."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), strength / 100 * min(picture.shape[:2])))


def _motion(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    """A straight smear in a drawn direction; its length is a share of the shorter side."""
    length = max(1.0, strength / 100 * min(picture.shape[:2]))
    angle = random.uniform(0, np.pi)
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    for place in np.linspace(-length / 2, length / 2, 8 * half):
        kernel[half + round(place * np.sin(angle)), half + round(place * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def _noise(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    return picture + random.normal(0, strength / 255, picture.shape)


def _compression(picture: Floats, strength: float, random: np.random.Generator) -> Floats:
    """JPEG and back."""
    bgr = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(strength)])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.float64)[..., ::-1] / 255


SHIFTS: dict[str, Shift] = {
    shift.name: shift
    for shift in (
        Shift("darker", "Darker", "× light", (0.9, 0.8, 0.7, 0.6, 0.5), _brightness),
        Shift("brighter", "Brighter", "× light", (1.05, 1.1, 1.2, 1.3, 1.4), _brightness),
        Shift("contrast", "Less contrast", "× contrast", (0.9, 0.8, 0.7, 0.55, 0.4), _contrast),
        Shift("gamma", "Tone curve", "gamma", (0.9, 0.8, 0.7, 0.6, 0.5), _gamma),
        Shift("white-balance", "Warmer light", "red up, blue down", (0.04, 0.08, 0.12, 0.18, 0.25), _white_balance),
        Shift("hue", "Hue", "degrees", (5, 10, 20, 30, 45), _hue),
        Shift("stain", "Stain", "dye up, eosin down", (0.1, 0.2, 0.35, 0.5, 0.7), _stain),
        Shift("focus", "Out of focus", "% of the side", (0.3, 0.6, 1.0, 1.5, 2.2), _focus),
        Shift("motion", "Motion", "% of the side", (1.5, 3, 5, 7, 10), _motion),
        Shift("noise", "Noise", "grey levels", (4, 8, 14, 22, 32), _noise),
        Shift("compression", "JPEG", "quality", (70, 50, 35, 20, 10), _compression),
    )
}

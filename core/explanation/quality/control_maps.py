"""Maps that know nothing of the model: what every score is compared with."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.explanation.context import ImageContext

Map = NDArray[np.float32]

CONTROLS: dict[str, str] = {"random": "a random map", "edges": "an edge map", "centre": "a centred blob"}

GRAIN = 1 / 14  # standard deviation of the random map's smoothing, as a share of the side: a fine CAM's grid

BLOB = 0.2  # standard deviation of the centred Gaussian, as a share of the side: about a nucleus's radius


def control_maps(context: ImageContext, side: int, seed: int = 0) -> dict[str, Map]:
    """The three control maps `(side, side) float32`, none negative, made once a context.

    "random": white noise of `seed`, smoothed by GRAIN and brought to [0, 1]; single noisy pixels would be unlike any
    map, and hiding them makes a texture that upsets a network by itself. "edges": Sobel magnitude of the grey picture.
    "centre": a Gaussian around the centre, since cells are cut out at the centre.
    """
    return context.shared(
        ("control maps", side, seed),
        lambda: {"random": random_map(side, seed), "edges": _edges(context.picture(side)), "centre": _centre(side)},
    )


def random_map(side: int, seed: int) -> Map:
    """Smooth noise in [0, 1], `(side, side)`; its ends meet, so that no border is favoured."""
    noise = np.random.default_rng([seed, 71]).standard_normal((side, side))
    smooth = cv2.GaussianBlur(np.pad(noise, side // 2, mode="wrap"), (0, 0), GRAIN * side)
    half = side // 2
    inner = smooth[half : half + side, half : half + side]
    return np.asarray((inner - inner.min()) / (inner.max() - inner.min()), dtype=np.float32)


def _edges(picture: NDArray[np.uint8]) -> Map:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(np.hypot(across, down), dtype=np.float32)


def _centre(side: int) -> Map:
    line = (np.arange(side) - (side - 1) / 2) / (BLOB * side)
    bell = np.exp(-(line**2) / 2)
    return np.outer(bell, bell).astype(np.float32)

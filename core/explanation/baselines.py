"""What stands where a picture is hidden."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.scene import SIDE, Scene
from core.transform import resize

Picture = NDArray[np.uint8]
BLUR = 1 / 8  # standard deviation of the blur, as a share of the side


def baseline(scene: Scene, name: str, side: int) -> Picture:
    """The picture `(side, side, 3) uint8` that shows where the original is hidden; `name` is one of BASELINES."""
    if name not in BASELINES:
        raise InputError(f"No baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")
    full = scene.shared(("baseline", name), lambda: BASELINES[name](scene))
    return resize(full, side)


def _blur(scene: Scene) -> Picture:
    return np.asarray(cv2.GaussianBlur(scene.picture(), (0, 0), BLUR * SIDE), dtype=np.uint8)


def _mean(scene: Scene) -> Picture:
    return np.full_like(scene.picture(), np.rint(scene.picture().mean(axis=(0, 1))))


BASELINES: dict[str, Callable[[Scene], Picture]] = {"blur": _blur, "mean": _mean}

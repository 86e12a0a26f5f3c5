"""Gradient CAMs by pytorch-grad-cam's formulas, fed with activations and gradients computed once."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.gradients import ClassGradients


class _NoHooks:
    """Stands where upstream keeps its hooks; its destructor releases them."""

    def release(self) -> None:
        """Nothing to release."""


def class_maps(upstream: str, source: ClassGradients) -> NDArray[np.float32]:
    """Positive part of the maps of all classes, `(K, h, w) float32`, unscaled.

    `upstream` names a class of pytorch_grad_cam; its `get_cam_image` is called without its constructor, which would
    register hooks on the shared model. As upstream, negative values are cut off before any interpolation.
    """
    method: Any = getattr(importlib.import_module("pytorch_grad_cam"), upstream)
    instance = method.__new__(method)
    instance.activations_and_grads = _NoHooks()
    gradients = source.gradients
    activations = np.broadcast_to(source.activations, gradients.shape)
    maps = instance.get_cam_image(None, None, None, activations, gradients)
    return np.maximum(maps, 0).astype(np.float32)

"""Maps by pytorch-grad-cam from end to end: its hooks, its backward pass, its scaling."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.method import LayerSettings, Request
from core.explanation.reference.private import PrivateNetwork, Tell, silent

NAMES = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    "eigencam": "EigenCAM",
    "scorecam": "ScoreCAM",
}


def cam_maps(
    name: str, request: Request[LayerSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Maps `(k, S, S)` in [0, 1] of the classes `indices` by the class of pytorch_grad_cam that `name` stands for."""
    library: Any = importlib.import_module("pytorch_grad_cam")
    targets: Any = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    network = PrivateNetwork(request.classifier, tell)
    layer = request.settings.layer or network.network.cut
    inputs = request.classifier.tensor([request.context.rgb]).cpu()
    network.expected = len(indices)
    if name == "scorecam":
        network.expected = len(indices) * (1 + _channels(network, inputs, layer, evaluations))
    found = []
    with getattr(library, NAMES[name])(network, [network.network.stages[layer]]) as cam:
        for index in indices:
            cam.batch_size = 8
            found.append(cam(inputs, [targets.ClassifierOutputTarget(index)])[0])
    return np.stack(found).astype(np.float32)


def scaled(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A raw map `(h, w)` as pytorch-grad-cam shows its own: in [0, 1] and `(side, side)`.

    It scales each layer's map, and the mean over its layers, which are one here, once more.
    """
    image: Any = importlib.import_module("pytorch_grad_cam.utils.image")
    once = image.scale_cam_image(values[None], (side, side))
    return np.asarray(image.scale_cam_image(once)[0], dtype=np.float32)


def _channels(network: PrivateNetwork, inputs: torch.Tensor, layer: str, evaluations: int) -> int:
    """How many channels there are; InputError where our map rests on some of them alone."""
    with torch.no_grad():
        places = network.network.features(inputs, layer)[0].flatten(1)  # (C, h * w)
    flat = int((places.amax(dim=1) == places.amin(dim=1)).sum())
    needed = len(places) - flat + min(flat, 1)  # all that are the same everywhere share one evaluation of ours
    if evaluations < needed:
        raise InputError(
            f"pytorch-grad-cam weighs all {len(places):,} channels, and this map rests on {evaluations:,} evaluations: "
            f"give Score-CAM {needed:,} to compare them."
        )
    return len(places)

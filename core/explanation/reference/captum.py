"""Maps by captum from end to end: its IntegratedGradients and its Occlusion."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.baselines import BaselineSettings, baseline
from core.explanation.method import Request
from core.explanation.methods.integrated_gradients import IntegratedGradientsSettings
from core.explanation.methods.occlusion import Lattice, OcclusionSettings
from core.explanation.reference.private import BATCH, PixelNetwork, PrivateNetwork, Tell, silent, tensor_of


def integrated_maps(
    request: Request[IntegratedGradientsSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Integrated gradients of pixels `(k, S, S)`, colours added up, by captum's trapezoid rule at the same points.

    captum's weights of n points are those of n intervals of which there are n - 1: they add up to (n - 1) / n, which is
    taken off again.
    """
    library: Any = importlib.import_module("captum.attr")
    points = 2 ** ((evaluations - 1).bit_length() - 1) + 1  # of our last complete level
    network = PrivateNetwork(request.classifier, tell)
    network.expected = points * len(indices)
    network.requires_grad_(False)  # of the pictures alone
    picture, hidden = _ends(request)
    explainer = library.IntegratedGradients(PixelNetwork(network))
    found = []
    for index in indices:
        values = explainer.attribute(
            picture, hidden, index, n_steps=points, method="riemann_trapezoid", internal_batch_size=BATCH
        )
        found.append(values[0].sum(dim=0).detach().numpy() * points / (points - 1))
    return np.stack(found).astype(np.float32)


def occlusion_maps(
    request: Request[OcclusionSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """For every pixel the mean fall of the logit `(k, S, S)` over captum's windows, which hide all colours."""
    library: Any = importlib.import_module("captum.attr")
    lattice = Lattice.of(request.side, int(request.settings.window), request.settings.stride)
    needed = lattice.count**2 + 1
    if evaluations < needed:
        raise InputError(
            f"captum moves the window over the whole picture, and this map rests on {evaluations:,} of {needed:,} "
            f"evaluations: give Occlusion {needed:,} to compare them."
        )
    network = PrivateNetwork(request.classifier, tell)
    network.expected = needed * len(indices)
    picture, hidden = _ends(request)
    square, step = (3, lattice.window, lattice.window), (3, lattice.stride, lattice.stride)
    explainer, found = library.Occlusion(PixelNetwork(network)), []
    with torch.no_grad():
        for index in indices:
            values = explainer.attribute(
                picture, square, step, hidden, target=index, perturbations_per_eval=BATCH, show_progress=False
            )
            found.append(values[0, 0].numpy())
    return np.stack(found).astype(np.float32)


def _ends(request: Request[BaselineSettings]) -> tuple[Tensor, Tensor]:
    """The picture and what hides it, `(1, 3, S, S)` in [0, 1]."""
    side = request.side
    return (
        tensor_of(request.context.picture(side)[None]),
        tensor_of(baseline(request.context, request.settings.baseline, side)[None]),
    )

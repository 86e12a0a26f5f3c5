"""Maps by lime from end to end: its loop over the masks, its distances, its regression."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import REGION_MEAN, baseline
from core.explanation.method import Request
from core.explanation.methods.lime import DESIGNS, KERNEL_WIDTH, LimeSettings
from core.explanation.reference.private import BATCH, PrivateNetwork, Tell, silent
from core.explanation.superpixels import superpixels


def lime_maps(
    request: Request[LimeSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Each superpixel's coefficient painted over it, `(k, S, S)`, by `LimeImageExplainer.explain_instance`.

    It is given our superpixels, our hidden picture (none for "region-mean": lime makes that itself) and the same masks,
    through the random state that it would draw them from.
    """
    library: Any = importlib.import_module("lime.lime_image")
    cut, regions, side = request.settings.superpixels, request.settings.regions, request.side
    labels, name = superpixels(request.context, cut, regions, side), request.settings.baseline
    parts = int(superpixels(request.context, cut, regions, request.context.picture().shape[0]).max()) + 1
    if len(np.unique(labels)) != parts:
        raise InputError("A superpixel vanishes at this model's side, and lime does not count what it cannot see.")
    network = PrivateNetwork(request.classifier, tell)
    network.expected = evaluations
    keep = DESIGNS[request.settings.masks](evaluations, parts, request.seed)
    explainer = library.LimeImageExplainer(kernel_width=KERNEL_WIDTH, random_state=0)
    explainer.random_state = _Masks(keep)
    found = explainer.explain_instance(
        request.context.picture(side),
        lambda pictures: request.classifier.probabilities(network.of_pictures(pictures)),
        labels=(),
        top_labels=len(request.classifier.card.classes),
        hide_color=None if name == REGION_MEAN else baseline(request.context, name, side),
        num_samples=evaluations,
        batch_size=BATCH,
        segmentation_fn=lambda picture: labels,
    )
    weights = np.zeros((len(indices), parts), dtype=np.float32)
    for row, index in zip(weights, indices, strict=True):
        for part, value in found.local_exp[index]:
            row[part] = value
    return weights[:, labels]


class _Masks:
    """Gives lime the masks that we drew, where it asks its random state for some, and a seed where it asks for that."""

    def __init__(self, keep: NDArray[np.bool_]) -> None:
        self._keep = keep

    def randint(self, low: int, high: int = 0, size: int = 0) -> NDArray[np.int64] | int:
        """All masks as one row of 0 and 1, or `low`."""
        return self._keep.astype(np.int64).ravel() if size == self._keep.size else low

"""Grad-CAM and its kin: weighted sums of feature maps, all classes from one pass, by pytorch-grad-cam's formulas."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.context import nbytes_of
from core.explanation.gradients import ClassGradients, class_gradients
from core.explanation.method import Estimator, LayerSettings, Maps, Method, Request
from core.models.staged import Need


class CamEstimator(Estimator):
    """All classes' maps of one gradient CAM, in one step; the pass is shared with the others of its layer."""

    request: Request[LayerSettings]

    def __init__(self, upstream: str, per_class: bool, request: Request[LayerSettings]) -> None:
        super().__init__(request)
        self._upstream = upstream
        self._per_class = per_class
        self._unclipped: NDArray[np.float32] | None = None

    @property
    def evaluations(self) -> int:
        """1 once the pass was made."""
        return int(self._unclipped is not None)

    @property
    def nbytes(self) -> int:
        """Of the maps; activations and gradients are the context's."""
        return nbytes_of(self._unclipped)

    def advance(self) -> None:
        """Make the pass, or take the one made already."""
        source = shared_gradients(self.request)
        if self._per_class:
            self._unclipped = unclipped_maps(self._upstream, source)
            return
        one = ClassGradients(source.activations, source.gradients[:1], source.logits)
        self._unclipped = np.repeat(unclipped_maps(self._upstream, one), len(source.gradients), axis=0)

    def maps(self) -> Maps:
        """The positive part of the maps `(K, h, w)`, cut off before any interpolation as upstream; and the whole."""
        if self._unclipped is None:
            self.advance()
        assert self._unclipped is not None
        return Maps(np.maximum(self._unclipped, 0), unclipped=self._unclipped)


def shared_gradients(request: Request[LayerSettings]) -> ClassGradients:
    """Activations and every class's gradients at the request's layer: one pass a model, picture and layer."""
    classifier, context = request.classifier, request.context
    layer = request.settings.layer or classifier.network.cut
    return context.shared(
        ("gradients", classifier.identity, layer),
        lambda: class_gradients(classifier.network, classifier.tensor([context.rgb]), layer),
    )


def class_maps(upstream: str, source: ClassGradients) -> NDArray[np.float32]:
    """Positive part of the maps of all classes, `(K, h, w) float32`, unscaled, as upstream cuts them off."""
    return np.maximum(unclipped_maps(upstream, source), 0)


def unclipped_maps(upstream: str, source: ClassGradients) -> NDArray[np.float32]:
    """The maps of all classes, `(K, h, w) float32`, unscaled, with what speaks against a class as negative values.

    `upstream` names a class of pytorch_grad_cam; its `get_cam_image` is called without its constructor, which would
    register hooks on the shared model.
    """
    method: Any = getattr(importlib.import_module("pytorch_grad_cam"), upstream)
    instance = method.__new__(method)
    instance.activations_and_grads = _NoHooks()
    gradients = source.gradients
    activations = np.broadcast_to(source.activations, gradients.shape)
    maps = instance.get_cam_image(None, None, None, activations, gradients, False)
    return np.asarray(maps, dtype=np.float32)


class _NoHooks:
    """Stands where upstream keeps its hooks; its destructor releases them."""

    def release(self) -> None:
        """Nothing to release."""


def _entry(
    name: str, title: str, upstream: str, paper: str, text: str, per_class: bool = True, linear: bool = False
) -> Method:
    start = partial(CamEstimator, upstream, per_class)
    needs: tuple[Need, ...] = ("gradients", "feature map") if per_class else ("feature map",)
    return Method(
        name,
        title,
        "cam",
        False,
        "logit",
        paper,
        text,
        start,
        LayerSettings,
        per_class=per_class,
        linear=linear,
        needs=needs,
    )


GRADCAM = _entry(
    "gradcam",
    "Grad-CAM",
    "GradCAM",
    "Selvaraju et al. 2017, eq. 1 and 2",
    "Weighs each feature map by the mean gradient of the class's logit, adds them up and keeps the positive part.",
    linear=True,
)

GRADCAM_PLUS_PLUS = _entry(
    "gradcam++",
    "Grad-CAM++",
    "GradCAMPlusPlus",
    "Chattopadhay et al. 2018, eq. 19",
    "As Grad-CAM, with positive gradients weighted place by place: shows several separate regions more evenly.",
)

HIRESCAM = _entry(
    "hirescam",
    "HiResCAM",
    "HiResCAM",
    "Draelos & Carin 2020, eq. 5",
    "Multiplies each feature map by its gradients place by place. Where the head is one mean and one linear layer it "
    "is the same map as Grad-CAM.",
    linear=True,
)

LAYERCAM = _entry(
    "layercam",
    "LayerCAM",
    "LayerCAM",
    "Jiang et al. 2021, eq. 6 and 7",
    "As HiResCAM with positive gradients alone: usable at earlier, finer layers.",
)

EIGENCAM = _entry(
    "eigencam",
    "EigenCAM",
    "EigenCAM",
    "Muhammad & Yeasin 2020, eq. 3",
    "The first principal component of the feature maps: what stirs the layer, whatever the class. Its sign is "
    "arbitrary and all classes share one map, so it is left out of agreement scores.",
    per_class=False,
)

"""Contrastive maps: what speaks for one class rather than another, as the difference of the two classes' values before
anything is clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.engine import Explanation, interpolate
from core.explanation.method import Method, Regions
from core.explanation.methods.registry import METHODS

PAPER = "Prabhushankar et al. 2020, with the difference of the two outputs in the place of their loss"


def no_contrast(kind: Method) -> str:
    """Why a method has no contrastive map, as a sentence; "" where it has one."""
    if not kind.per_class:
        return f"{kind.title} shows the same map for every class: there is nothing to contrast."
    if not kind.linear:
        return (
            f"{kind.title} has no contrastive map: its values are not linear in a class's {kind.explains}, so that the "
            "difference of two of its maps explains nothing."
        )
    return ""


def contrasted(explanation: Explanation, against: str, classes: Sequence[str] | None = None) -> Explanation:
    """Signed maps of each of `classes` (all by default) less the map of `against`: why this class rather than that one.

    They explain the difference of the two outputs, as if it were one output of the model's: the difference of gradients
    is the gradient of the difference, that of regression coefficients the coefficient of the difference, that of
    Shapley values the Shapley value of the difference (linearity). Values are taken before their positive part
    (Grad-CAM, HiResCAM), so that what speaks against `against` counts too. After Prabhushankar et al. 2020,
    "Contrastive explanations in neural networks", who take the gradient of a loss between the two classes instead.

    `error` is the sum of the two classes' standard errors, an upper bound whatever their correlation (Minkowski);
    `gap` is that of the difference. InputError where the method is not linear, for a class that the model lacks, or
    where nothing but `against` is asked for.
    """
    kind = METHODS.get(explanation.method)
    if kind is not None and no_contrast(kind):
        raise InputError(no_contrast(kind))
    for name in (against, *(classes or ())):
        if name not in explanation.classes:
            raise InputError(f"There is no map of the class {name!r}. There are: {', '.join(explanation.classes)}.")
    chosen = tuple(name for name in dict.fromkeys(classes or explanation.classes) if name != against)
    if not chosen:
        raise InputError(f"A class cannot be contrasted with itself: choose another than {against}.")
    order, other = [explanation.classes.index(name) for name in chosen], explanation.classes.index(against)
    raw = explanation.native if explanation.unclipped is None else explanation.unclipped
    native = raw[order] - raw[other]
    total = None if explanation.total is None else explanation.total[order] - explanation.total[other]
    regions = _regions(explanation.regions, order, other)
    return replace(
        explanation,
        classes=chosen,
        values=np.stack([interpolate(values, explanation.view.shape[0]) for values in native]),
        native=native,
        signed=True,
        error=None if explanation.error is None else explanation.error[order] + explanation.error[other],
        gap=None if total is None else _gap(native if regions is None else regions.weights, total),
        regions=regions,
        unclipped=None,
        total=total,
        against=against,
    )


def _regions(regions: Regions | None, order: list[int], other: int) -> Regions | None:
    if regions is None:
        return None
    weights, errors = regions.weights, regions.errors
    return Regions(regions.labels, weights[order] - weights[other], errors[order] + errors[other])


def _gap(values: NDArray[np.float32], total: NDArray[np.float32]) -> NDArray[np.float32]:
    """(Sum of values - total) / |total| `(k,)`, 0 where both are 0, as `Maps.gap` has it."""
    left = values.reshape(len(values), -1).sum(axis=1, dtype=np.float64) - total
    return np.where(left == 0, 0.0, left / np.maximum(np.abs(total), 1e-12)).astype(np.float32)

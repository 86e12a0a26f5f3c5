"""Whether methods agree about one model, and models about one picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.explanation.explanation import Explanation
from core.explanation.methods import METHODS
from core.explanation.worth.measures import Map, rank_correlation, ranks

SAME = 1e-5  # relative difference up to which two maps are one
COARSE = 32  # px at which pictures of models with different inputs are compared
SAME_PICTURE = 4.0  # grey levels, mean difference at that side
ARBITRARY = "its sign is arbitrary and it is the same map for every class"


@dataclass(frozen=True, eq=False)
class Agreement:
    """Rank correlations `(n, n)` of maps; `names` tell them apart, `left_out` says why others are not among them."""

    label: str
    names: tuple[str, ...]
    matrix: NDArray[np.float64]
    left_out: dict[str, str]

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "label": self.label,
            "names": list(self.names),
            "matrix": [[round(float(value), 6) for value in row] for row in self.matrix],
            "left_out": dict(self.left_out),
        }


def agreement(explanations: Sequence[Explanation], label: str) -> Agreement:
    """Spearman's correlation between the maps of `label` of several methods, or several models, or both.

    Maps are brought to the smallest side among them. Values are ranked as they are, so that of a signed map evidence
    against comes last; magnitudes are never compared. Left out: maps that another one equals, maps that are the same
    everywhere, methods with one map for all classes, and models that saw another picture than the first.
    """
    left_out: dict[str, str] = {}
    kept: dict[str, tuple[Explanation, Map]] = {}
    named = dict(zip(_names(explanations), explanations, strict=True))
    for name, explanation in named.items():
        reason = _reason(explanation, label, kept)
        if reason:
            left_out[name] = reason
        else:
            kept[name] = (explanation, explanation.map_of(label))
    side = min((values.shape[0] for _, values in kept.values()), default=1)
    ranked = [ranks(_at(values, side)) for _, values in kept.values()]
    matrix = np.array([[rank_correlation(one, other) or 0.0 for other in ranked] for one in ranked])
    return Agreement(label, tuple(kept), matrix.reshape(len(kept), len(kept)), left_out)


def agreements(explanations: Sequence[Explanation], labels: Iterable[str]) -> list[Agreement]:
    """The agreement of each class once; none where there is but one explanation."""
    return [agreement(explanations, label) for label in dict.fromkeys(labels)] if len(explanations) > 1 else []


def _names(explanations: Sequence[Explanation]) -> list[str]:
    """The method where there is one model, the model where there is one method, else both."""
    models = {explanation.model for explanation in explanations}
    methods = {explanation.method for explanation in explanations}
    if len(models) == 1:
        return [explanation.method for explanation in explanations]
    if len(methods) == 1:
        return [explanation.model for explanation in explanations]
    return [f"{explanation.model} {explanation.method}" for explanation in explanations]


def _reason(explanation: Explanation, label: str, kept: dict[str, tuple[Explanation, Map]]) -> str:
    """Why an explanation is left out, or ""."""
    kind = METHODS.get(explanation.method)
    if kind is not None and not kind.per_class:
        return ARBITRARY
    if label not in explanation.classes:
        return f"there is no map of {label}"
    values = explanation.map_of(label)
    if values.min() == values.max():
        return "no positive evidence: the map is the same everywhere"
    for name, (other, known) in kept.items():
        if other.model == explanation.model and _one_map(values, known):
            pair = {other.method, explanation.method} == {"gradcam", "hirescam"}
            why = "the head is one mean and one linear layer, which makes it " if pair else ""
            return f"{why}the same map as {name}"
    for name, (other, _) in kept.items():
        if not _one_picture(explanation.view, other.view):
            return f"it saw another picture than {name}"
        break
    return ""


def _one_map(one: Map, other: Map) -> bool:
    top = float(np.abs(one).max())
    return one.shape == other.shape and bool(np.abs(one - other).max() <= SAME * top)


def _one_picture(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    size = (COARSE, COARSE)
    coarse = [cv2.resize(view, size, interpolation=cv2.INTER_AREA).astype(np.float32) for view in (one, other)]
    return bool(np.abs(coarse[0] - coarse[1]).mean() <= SAME_PICTURE)


def _at(values: Map, side: int) -> Map:
    if values.shape[0] == side:
        return values
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)

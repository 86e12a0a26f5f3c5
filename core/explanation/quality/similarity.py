"""How alike maps are: pure functions of arrays first, then whether methods agree about one model, models about one
picture, and whether a method tells two classes apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

SAME = 1e-5  # relative difference up to which two maps are one
COARSE = 32  # px at which pictures of models with different inputs are compared
SAME_PICTURE = 4.0  # grey levels, mean difference at that side
ALIKE = 0.95  # rank correlation from which on two classes have nearly the same map
ARBITRARY = "its sign is arbitrary and it is the same map for every class"


def positive_share(values: Map, inside: Mask) -> float | None:
    """Share of the map's positive part that lies in `inside`, both `(S, S)`; None without positive evidence."""
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum()
    return float(positive[inside].sum() / total) if total > 0 else None


def pointing(values: Map, inside: Mask) -> float | None:
    """Whether the map's maximum lies in `inside`: 1 or 0, or its share where several pixels have it."""
    if values.max() <= 0:
        return None
    return float(inside[values == values.max()].mean())


def gini(values: Map) -> float | None:
    """Gini index of the absolute values, 0 (all equal) to nearly 1 (one holds all); None where all are zero.

    `1 - 2 * sum_k v_k / sum(v) * (d - k + 1/2) / d` over the sorted absolute values v_1 <= ... <= v_d (Hurley &
    Rickard 2009, as Chalasani et al. 2020 use it).
    """
    ascending = np.sort(np.abs(values, dtype=np.float64), axis=None)
    total, count = ascending.sum(), ascending.size
    if total <= 0:
        return None
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    return float(1 - 2 * (ascending / total * weights).sum())


def spearman(one: Map, other: Map) -> float | None:
    """Rank correlation of two maps of one shape, ties given their mean rank; None where one of them is constant."""
    return rank_correlation(ranks(one), ranks(other))


def ranks(values: Map) -> NDArray[np.float64]:
    """The pixels' ranks, flat, less their mean."""
    from scipy.stats import rankdata

    ranked = np.asarray(rankdata(values, axis=None), dtype=np.float64)
    return ranked - ranked.mean()


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Correlation of two `ranks`; None where one of them is constant."""
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else None


def map_ssim(one: Map, other: Map) -> float | None:
    """SSIM (Wang et al. 2004) of two maps, each divided by its largest absolute value; None where one is all zero."""
    tops = float(np.abs(one).max()), float(np.abs(other).max())
    if min(tops) <= 0:
        return None
    from skimage.metrics import structural_similarity

    signed = min(float(one.min()), float(other.min())) < 0
    return float(structural_similarity(one / tops[0], other / tops[1], data_range=2.0 if signed else 1.0))


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
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


def similarity_matrix(explanations: Sequence[Explanation], label: str) -> SimilarityMatrix:
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
    return SimilarityMatrix(label, tuple(kept), matrix.reshape(len(kept), len(kept)), left_out)


def similarity_matrices(explanations: Sequence[Explanation], labels: Iterable[str]) -> list[SimilarityMatrix]:
    """The agreement of each class once; none where there is but one explanation."""
    return [similarity_matrix(explanations, label) for label in dict.fromkeys(labels)] if len(explanations) > 1 else []


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


def class_correlation(explanation: Explanation, one: str, other: str) -> float | None:
    """Rank correlation of one model's maps of two classes, on the grid that they were computed on.

    None where it says nothing: the method has one map for all classes by construction, or a map is the same everywhere.
    """
    kind = METHODS.get(explanation.method)
    if one == other or (kind is not None and not kind.per_class):
        return None
    first, second = (explanation.native[explanation.classes.index(name)] for name in (one, other))
    return spearman(first, second)


def class_correlations(explanation: Explanation) -> dict[str, dict[str, float | None]]:
    """`class_correlation` of every two classes, ready for JSON; empty where the method has one map for all classes."""
    kind = METHODS.get(explanation.method)
    if kind is not None and not kind.per_class:
        return {}
    ranked = {name: ranks(values) for name, values in zip(explanation.classes, explanation.native, strict=True)}
    return {
        one: {other: rank_correlation(ranked[one], ranked[other]) for other in ranked if other != one} for one in ranked
    }


def alike_sentence(explanation: Explanation, one: str, other: str) -> str:
    """Say how alike the maps of two classes are, and plainly where they do not tell the two apart; "" for nothing."""
    value = class_correlation(explanation, one, other)
    if value is None:
        return ""
    title = METHODS[explanation.method].title if explanation.method in METHODS else explanation.method
    if value > ALIKE:
        return (
            f"{title} shows nearly the same map for {one} and {other} (rank correlation {value:.2f}): "
            "it does not tell the two apart."
        )
    return f"Rank correlation of the maps of {one} and {other}: {value:.2f}.".replace("-0.00", "0.00")

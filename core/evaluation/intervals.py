"""Shares, F1 scores and areas under ROC curves with their 95 % confidence intervals (Wilson, Newcombe, DeLong)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest, rankdata

Z = 1.959963984540054  # the 97.5 % point of the normal distribution


class Frozen(BaseModel):
    """Base of everything found here: read-only, and JSON by `model_dump(mode="json")`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(Frozen):
    """A figure in 0-1 with its 95 % interval; all None where it is not defined. `of` is the images it rests on."""

    value: float | None
    low: float | None
    high: float | None
    of: int

    @property
    def defined(self) -> bool:
        """Whether there is a figure at all."""
        return self.value is not None


def undefined(of: int = 0) -> Estimate:
    """The figure of too few images to have one."""
    return Estimate(value=None, low=None, high=None, of=of)


def wilson(hits: int, of: int) -> Estimate:
    """A counted share with its score interval (Wilson 1927, JASA 22); not defined without trials."""
    if of == 0:
        return undefined()
    tested = binomtest(hits, of, hits / of)  # the interval is the same for any hypothesis, this one is tested at once
    low, high = tested.proportion_ci(method="wilson")
    return Estimate(value=hits / of, low=float(low), high=float(high), of=of)


def f1_score(right: int, wrongly_named: int, missed: int) -> Estimate:
    """F1 with its interval: Wilson's of J = TP / (TP + FP + FN), carried over by F1 = 2 J / (1 + J).

    J is a share of those images that are of the class or were called so, and F1 rises with it, so that the interval's
    ends carry over as they are (Lam, Gopal & Qian 2023, arXiv 2309.14621, "Wilson indirect").
    """
    union = wilson(right, right + wrongly_named + missed)
    if union.value is None or union.low is None or union.high is None:
        return undefined()
    value, low, high = (2 * part / (1 + part) for part in (union.value, union.low, union.high))
    return Estimate(value=value, low=low, high=high, of=union.of)


class Roc(Frozen):
    """A class against the rest: corners of the curve from (0, 0) to (1, 1), and the area under it.

    Empty and undefined where the data hold none of the class, or nothing else.
    """

    name: str
    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]
    auc: Estimate


@dataclass(frozen=True)
class Area:
    """An area under a curve; the squares of `parts` `(N,)`, each image's part in the error, add up to its variance."""

    value: float
    parts: NDArray[np.float64]


def roc(name: str, scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[Roc, Area | None]:
    """The curve of `scores` `(N,)` for `positive` `(N,)`; equal scores are one step of it, a straight one."""
    area = delong(scores, positive)
    if area is None:
        return Roc(name=name, false_positive=(), true_positive=(), auc=undefined(len(scores))), None
    false, true = corners(scores, positive)
    members = int(positive.sum())
    auc = area_estimate(area, len(scores), min(members, len(scores) - members))
    return Roc(name=name, false_positive=tuple(false.tolist()), true_positive=tuple(true.tolist()), auc=auc), area


def delong(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Area | None:
    """The area, ties counted half, with DeLong's structural components (DeLong et al. 1988; ranks: Sun & Xu 2014)."""
    inside, outside = scores[positive], scores[~positive]
    m, n = len(inside), len(outside)
    if not m or not n:
        return None
    ranks = rankdata(scores)
    above = (ranks[positive] - rankdata(inside)) / n  # share of the rest that each of the class beats
    below = 1 - (ranks[~positive] - rankdata(outside)) / m
    value = float(above.mean())
    parts = np.zeros(len(scores))
    parts[positive] = (above - value) / math.sqrt(m * max(1, m - 1))
    parts[~positive] = (below - value) / math.sqrt(n * max(1, n - 1))
    return Area(value, parts)


def area_estimate(area: Area, of: int, fewest: int) -> Estimate:
    """The interval on the logit scale; Newcombe's where no variance can be told (all right, or one image a side).

    `fewest` is the number of images on the smaller side of a curve.
    """
    error = math.sqrt(float((area.parts**2).sum()))
    if error == 0 or not 0 < area.value < 1 or fewest < 2:
        low, high = newcombe(area.value, fewest, of - fewest)
    else:
        reach = Z * error / (area.value * (1 - area.value))
        low, high = (float(expit(logit(area.value) + side * reach)) for side in (-1, 1))
    return Estimate(value=area.value, low=low, high=high, of=of)


def newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """The interval of an area from its value and the two counts (Newcombe 2006, Stat. Med. 25, method 5).

    Its ends solve |value - x| = z sqrt(V(x)), V being Hanley and McNeil's variance with both counts their mean.
    """
    half = (m + n) / 2 - 1

    def excess(x: float) -> float:
        variance = x * (1 - x) * (1 + half * ((1 - x) / (2 - x) + x / (1 + x))) / (m * n)
        return (value - x) ** 2 - Z * Z * variance

    return _root(excess, 0.0, value), _root(excess, 1.0, value)


def _root(excess: Callable[[float], float], far: float, near: float) -> float:
    """Where the excess turns from positive (far) to negative (near); at 0 and 1 itself it is 0, which is no end."""
    return far if far == near else float(brentq(excess, far, near + (far - near) * 1e-15, xtol=1e-15))


def corners(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates at every threshold where the curve turns, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(scores) - 1)  # of each run of equal scores
    true = np.concatenate([[0], np.cumsum(hits)[last]])
    false = np.concatenate([[0], last + 1 - np.cumsum(hits)[last]])
    turns = np.diff(true[1:]) * np.diff(false[:-1]) != np.diff(true[:-1]) * np.diff(false[1:])
    keep = np.concatenate([[True], turns, [True]])
    return false[keep] / max(1, false[-1]), true[keep] / max(1, true[-1])

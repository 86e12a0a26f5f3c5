"""How far raters (a model, the labels, several models) agree beyond chance: Cohen's kappa of two, Krippendorff's alpha
of any number, who need not all speak to every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import Estimate, undefined

Counts = NDArray[np.int64]
DRAWS = 2000
SEED = 2022
Image = TypeVar("Image")
SILENT = -1  # of a rating: nothing was said


def cohens_kappa(counts: Counts) -> Estimate:
    """Cohen's kappa (1960) of a table `(K, K)` of what two say of the same images, (p_o - p_e) / (1 - p_e).

    The interval is that of 2,000 seeded draws of the images; none where all draws are the same. Not defined without
    images, or where both say one thing alone, so that chance cannot be told from agreement.
    """
    total = int(counts.sum())
    if not total:
        return undefined()
    value = kappa_value(counts)
    if not np.isfinite(value):
        return undefined(total)
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(total, counts.ravel() / total, size=DRAWS).reshape(DRAWS, *counts.shape)
    return _with_ends(value, _kappas(drawn), total)


def kappa_value(counts: Counts) -> float:
    """Cohen's kappa of a table `(K, K)` alone; not a number where it is not defined."""
    return float(_kappas(counts[None])[0]) if counts.any() else float("nan")


def _kappas(counts: Counts) -> NDArray[np.float64]:
    """Kappas `(B,)` of tables `(B, K, K)`; no number where chance alone agrees fully."""
    shares = counts / counts.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(shares, axis1=1, axis2=2)
    expected = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
    return _beyond_chance(observed, expected)


def _beyond_chance(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    room = 1 - expected
    return np.divide(observed - expected, room, out=np.full(len(room), np.nan), where=room > 1e-12)


def krippendorffs_alpha(ratings: Counts) -> Estimate:
    """Krippendorff's alpha for names without an order (2011), of `ratings` `(R, N)`: what R raters say of N images.

    Names are numbers from 0, SILENT where a rater said nothing; images that fewer than two speak to do not count. The
    interval is that of 2,000 seeded draws of the images. Not defined without images, or where all say one thing alone.
    """
    said = np.stack([(ratings == name).sum(axis=0) for name in range(int(ratings.max(initial=0)) + 1)], axis=1)
    said = said[said.sum(axis=1) >= 2]  # (N, K): how many give an image each name
    kinds, which = np.unique(said, axis=0, return_inverse=True)
    if not len(kinds):
        return undefined()
    often = np.bincount(which.ravel(), minlength=len(kinds))
    value = float(_alphas(kinds, often[None])[0])
    if not np.isfinite(value):
        return undefined(len(said))
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(len(said), often / len(said), size=DRAWS)
    return _with_ends(value, _alphas(kinds, drawn), len(said))


def alpha_value(said: Counts) -> float:
    """Krippendorff's alpha alone, of counts `(N, K)` of each name for each image; images with fewer than two do not
    count. Not a number where it is not defined.
    """
    said = said[said.sum(axis=1) >= 2]
    return float(_alphas(said, np.ones((1, len(said)), dtype=np.int64))[0]) if len(said) else float("nan")


def _alphas(kinds: Counts, often: Counts) -> NDArray[np.float64]:
    """Alphas `(B,)` where images of each of `kinds` `(M, K)` occur `often` `(B, M)` times."""
    raters = kinds.sum(axis=1)
    pairs = (kinds * (kinds - 1)).sum(axis=1) / (raters - 1)  # of the same name, weighed as coincidences are
    total = (often @ raters).astype(np.float64)
    names = (often @ kinds).astype(np.float64)  # (B, K)
    observed = (often @ pairs) / total
    expected = (names * (names - 1)).sum(axis=1) / (total * (total - 1))
    return _beyond_chance(observed, expected)


def _with_ends(value: float, drawn: NDArray[np.float64], of: int) -> Estimate:
    usable = drawn[np.isfinite(drawn)]
    if not len(usable):
        return undefined(of)
    low, high = np.quantile(usable, (0.025, 0.975))
    if low == high:  # every draw is the same, as where all agree: that is no certainty
        return Estimate(value=value, low=None, high=None, of=of)
    return Estimate(value=value, low=float(low), high=float(high), of=of)


def ratings_of(raters: Sequence[Mapping[Image, str]]) -> Counts:
    """What each rater says of each image that anyone speaks to, `(R, N)`: names as numbers from 0, SILENT for none."""
    images = list(dict.fromkeys(image for said in raters for image in said))
    names = sorted({name for said in raters for name in said.values()})
    number = {name: place for place, name in enumerate(names)}
    rows = [[number[said[image]] if image in said else SILENT for image in images] for said in raters]
    return np.array(rows, dtype=np.int64).reshape(len(raters), len(images))

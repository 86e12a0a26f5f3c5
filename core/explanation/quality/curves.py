"""Deletion, insertion and ROAD: the probability of a class while a map's pixels go or come, point by point, and the
rows of scores made from these curves. ROAD paints pixels over from their neighbours."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from core.errors import InputError
from core.explanation.quality.case import Probe, ScoringCase, first_of, ranks_pixels, relevance_order
from core.explanation.quality.control_maps import random_map
from core.explanation.quality.scores import SCORES, Curve, ScoreRow
from core.explanation.quality.wording import compared, mask_sentence, road_sentence

Order = NDArray[np.int64]
Steps = Iterator[int]  # evaluations done in each step

_WEIGHTS = {(0, 1): 1 / 6, (1, 0): 1 / 6, (1, 1): 1 / 12, (1, -1): 1 / 12}  # and their opposites
NOISE = 0.01  # standard deviation, of intensities in [0, 1]
STEPS = 20
SHARES = np.linspace(0, 1, STEPS + 1)
ROAD_SHARES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
AT_ONCE = 3  # evaluations a step: 0.3 s on the slowest model
PAINTED_AT_ONCE = 1  # pictures painted over (up to 0.2 s) and evaluated a step

KINDS: dict[str, tuple[str, ...]] = {
    "deletion": ("deletion",),
    "insertion": ("insertion",),
    "road": ("road-most", "road-least"),
}


def impute(picture: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Replace the pixels `missing` `(H, W) bool` of `picture` `(H, W, C)` by weighted means of their neighbours.

    Every missing pixel is the mean of its eight neighbours, 1/6 for those at its sides and 1/12 for those at its
    corners, over again where those are outside; all of them solve one sparse linear system (Rong et al. 2022,
    noisy linear imputation). InputError where no pixel is left to start from.
    """
    if not missing.any():
        return picture.copy()
    if missing.all():
        raise InputError("Every pixel is to be painted over: keep at least one.")
    height, width, channels = picture.shape
    weights, holes = _neighbours(height, width), missing.ravel()
    flat = picture.reshape(-1, channels)
    rows = weights[np.flatnonzero(holes)]
    inner = rows[:, np.flatnonzero(holes)]
    known = rows[:, np.flatnonzero(~holes)] @ flat[~holes]
    system = (diags_array(rows.sum(axis=1)) - inner).tocsc()
    solved = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = flat.copy()
    filled[holes] = solved.solve(known)
    return filled.reshape(picture.shape)


def noise_field(shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """The noise that is added to what was painted over, so that its smoothness does not give it away."""
    return np.random.default_rng([seed, 83]).normal(0.0, NOISE, shape)


@lru_cache(maxsize=4)
def _neighbours(height: int, width: int) -> csr_array:
    """Weights between the pixels of a picture, `(H * W, H * W)`, symmetric."""
    index = np.arange(height * width).reshape(height, width)
    starts, ends, values = [], [], []
    for (down, right), weight in _WEIGHTS.items():
        left = max(0, -right)
        here = index[: height - down, left : width - max(0, right)].ravel()
        there = index[down:, left + right : width + min(0, right)].ravel()
        starts += [here, there]
        ends += [there, here]
        values += [np.full(here.size, weight)] * 2
    entries = (np.concatenate(values), (np.concatenate(starts), np.concatenate(ends)))
    return csr_array(coo_array(entries, shape=(index.size, index.size)))


def mask_curve(probe: Probe, kind: str, of: str, order: Order, found: list[Curve]) -> Steps:
    """Deletion or insertion curve of an order of pixels; yields after each step, then adds the curve to `found`.

    "deletion" hides the first share of the order behind the baseline, "insertion" hides all but it. The evaluator
    remembers masks: what several methods, classes or scores ask for costs nothing again.
    """
    values: list[float] = []
    for start in range(0, SHARES.size, AT_ONCE):
        part = SHARES[start : start + AT_ONCE]
        first = np.stack([first_of(order, share, probe.side) for share in part])  # (n, S, S)
        values += list(probe.of_masks(first if kind == "insertion" else ~first))
        yield len(part)
    found.append(Curve(kind, of, SHARES, np.array(values)))


def road_curve(probe: Probe, kind: str, of: str, order: Order, seed: int, found: list[Curve]) -> Steps:
    """ROAD's curve: the first ("road-most") or last ("road-least") pixels of the order painted over.

    A control's pictures and answers are kept with the context: they are the same for every method and class.
    """
    painted: dict[tuple[str, str, float], NDArray[np.uint8]] = {}
    answers: dict[tuple[str, str, float], NDArray[np.float32]] = {}
    if of != "map":
        key = (probe.classifier.identity, probe.precision, seed)
        painted = probe.context.shared(("painted over", probe.side, seed), dict)
        answers = probe.context.shared(("road of controls", *key), dict)
    order = order if kind == "road-most" else order[::-1]
    points = [(kind, of, float(share)) for share in ROAD_SHARES]
    for start in range(0, len(points), PAINTED_AT_ONCE):
        part = points[start : start + PAINTED_AT_ONCE]
        for point in part:
            if point not in painted:
                painted[point] = painted_over(probe, first_of(order, point[2], probe.side), seed)
        if any(point not in answers for point in part):
            answers.update(zip(part, probe.logits_of(np.stack([painted[point] for point in part])), strict=True))
        yield len(part)
    found.append(Curve(kind, of, ROAD_SHARES, probe.probabilities(np.stack([answers[point] for point in points]))))


def painted_over(probe: Probe, missing: NDArray[np.bool_], seed: int) -> NDArray[np.uint8]:
    """The picture `(S, S, 3) uint8` with the pixels `missing` imputed, and noise of `seed` on them."""
    picture = probe.context.picture(probe.side) / 255.0
    filled = impute(picture, missing) + missing[..., None] * noise_field(picture.shape, seed)
    return np.rint(np.clip(filled, 0, 1) * 255).astype(np.uint8)


def points(case: ScoringCase, name: str) -> int:
    """Evaluations that the score `name` takes."""
    ranked = sum(ranks_pixels(values) for values in case.maps.values()) if not case.silence else 0
    return int(ranked * len(KINDS[name]) * (ROAD_SHARES if name == "road" else SHARES).size)


def curve_row(case: ScoringCase, name: str, curves: list[Curve]) -> Generator[int, None, ScoreRow]:
    """Find the score `name` of the map and the controls; yields evaluations by step, adds the curves to `curves`.

    Signed maps are ordered as they are: evidence against the class is the least relevant.
    """
    if case.silence:
        return ScoreRow(name, None, dict.fromkeys(case.controls), case.silence)
    ties = random_map(case.probe.side, case.seed)
    values: dict[str, float | None] = {}
    for of, each in case.maps.items():
        found: list[Curve] = []
        if ranks_pixels(each):
            order = relevance_order(each, ties)
            for kind in KINDS[name]:
                yield from _curve(case, kind, of, order, found)
        values[of] = _value(name, found) if found else None
        curves += found
    value = values.pop("map")
    assert value is not None
    text = f"{_meaning(case, name, value, curves)} {compared(SCORES[name], value, values)}"
    return ScoreRow(name, value, values, text)


def _curve(case: ScoringCase, kind: str, of: str, order: Order, found: list[Curve]) -> Iterator[int]:
    if kind in ("deletion", "insertion"):
        return mask_curve(case.probe, kind, of, order, found)
    return road_curve(case.probe, kind, of, order, case.seed, found)


def _value(name: str, found: list[Curve]) -> float:
    if name != "road":
        return found[0].area
    most, least = found
    return float((least.probabilities - most.probabilities).mean())


def _meaning(case: ScoringCase, name: str, value: float, curves: list[Curve]) -> str:
    if name == "road":
        return road_sentence(value, case.probe.label)
    curve = next(curve for curve in curves if (curve.kind, curve.of) == (name, "map"))
    whole = float(curve.probabilities[0 if name == "deletion" else -1])
    return mask_sentence(name, value, case.probe.label, whole)

"""Curves of the probability of a class while a map's pixels go or come, point by point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.explanation.worth.imputation import impute, noise_field
from core.explanation.worth.order import first_of
from core.explanation.worth.probe import Probe
from core.explanation.worth.worth import Curve

STEPS = 20
SHARES = np.linspace(0, 1, STEPS + 1)
ROAD_SHARES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
AT_ONCE = 3  # evaluations a step: 0.3 s on the slowest model
PAINTED_AT_ONCE = 1  # pictures painted over (up to 0.2 s) and evaluated a step

Order = NDArray[np.int64]
Steps = Iterator[int]  # evaluations done in each step


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

    A control's pictures and answers are kept with the scene: they are the same for every method and class.
    """
    painted: dict[tuple[str, str, float], NDArray[np.uint8]] = {}
    answers: dict[tuple[str, str, float], NDArray[np.float32]] = {}
    if of != "map":
        key = (probe.classifier.identity, probe.precision, seed)
        painted = probe.scene.shared(("painted over", probe.side, seed), dict)
        answers = probe.scene.shared(("road of controls", *key), dict)
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
    picture = probe.scene.picture(probe.side) / 255.0
    filled = impute(picture, missing) + missing[..., None] * noise_field(picture.shape, seed)
    return np.rint(np.clip(filled, 0, 1) * 255).astype(np.uint8)

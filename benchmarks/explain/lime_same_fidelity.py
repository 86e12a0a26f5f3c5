"""Case lime-same-fidelity: how long until our LIME is as close to its limit as upstream's at 1,000 samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.explain.fidelity import fidelity, first_as_faithful, told
from benchmarks.explain.lime_sides import SAMPLES, LimeCase
from benchmarks.explain.row import Row
from benchmarks.explain.sides import LARGE, Sides, timed
from core.explanation.engine import start
from core.explanation.estimator import Estimator

REFERENCE = 20_000
REFERENCE_OF_LARGE = 3_000
TIMED_OF_LARGE = 200
REFERENCE_SEED = 1000
SEEDS = (0, 1, 2)  # of both sides' runs
FEWEST = 20


def lime_same_fidelity(sides: Sides) -> Row:
    """Fidelity: mean rank correlation of coefficients with a reference's, over the classes that say anything.

    Both have the same superpixels and hidden picture, hence the same limit. The reference is ours, of another seed, and
    has 20,000 samples; 3,000 for a large model. Upstream's fidelity at 1,000 samples is the median of three runs, drawn
    and fitted by lime and evaluated by our network, since its own would take minutes; it is timed on a run of its own,
    for a large model one of 200 samples times five. Ours is the least budget whose median of three runs is as faithful,
    and the time is that of one run with this budget from nothing. Parity is our fidelity over upstream's.
    """
    case, large = LimeCase(sides), sides.classifier.card.parameters > LARGE
    size = REFERENCE_OF_LARGE if large else REFERENCE
    reference = weights(sides.run("lime", {"samples": size}, seed=REFERENCE_SEED))
    precision = run_of(sides, 0).request.precision
    theirs = [case.upstream(SAMPLES, seed=seed, answers=sides.fast_probabilities(precision)) for seed in SEEDS]
    wanted = float(np.median([fidelity(one, reference) for one in theirs]))
    found = first_as_faithful([run_of(sides, seed) for seed in SEEDS], weights, reference, wanted, 2 * SAMPLES)
    ours_s, _ = timed(lambda: sides.run("lime", {"samples": found[0] if found else 2 * SAMPLES}))
    samples = TIMED_OF_LARGE if large else SAMPLES
    upstream_s = timed(lambda: case.upstream(samples))[0] * SAMPLES / samples
    rest = f"{precision}, reference {size}" + (f", upstream timed at {samples} and scaled" if large else "")
    row = Row("lime-same-fidelity", sides.classifier.name, ours_s, upstream_s, note=told(wanted, SAMPLES, found, rest))
    return replace(row, parity=found[1] / wanted if found else None)


def run_of(sides: Sides, seed: int) -> Estimator:
    """Our LIME, not begun."""
    return start("lime", sides.classifier, sides.scene(), {"samples": FEWEST}, seed)


def weights(estimator: Estimator) -> NDArray[np.float32]:
    """Coefficients `(K, s)`."""
    regions = estimator.maps().regions
    assert regions is not None
    return regions.weights

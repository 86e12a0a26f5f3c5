"""Case lime-same-masks: LIME's coefficients from the same 1,000 masks, every class."""

from __future__ import annotations

from benchmarks.explain.lime_sides import SAMPLES, LimeCase
from benchmarks.explain.row import Row
from benchmarks.explain.sides import Sides, lowest_correlation, seconds_a_pass, timed
from core.explanation.designs import DESIGNS


def lime_same_masks(sides: Sides) -> Row:
    """Both from nothing to coefficients: the same superpixels, hidden picture and masks, which are ours.

    Upstream is not charged for cutting superpixels, ours is. Our precision is what "auto" chooses. Parity: the lowest
    correlation of a class's coefficients, ours in that precision. The floor is 1,000 passes of the network.
    """
    case = LimeCase(sides)
    sides.run("lime", {"samples": 30})
    ours_s, estimator = timed(lambda: sides.run("lime", {"samples": SAMPLES}))
    precision = estimator.request.precision
    masks = DESIGNS[str(case.settings["masks"])](SAMPLES, case.parts, estimator.request.seed)
    upstream_s, theirs = timed(lambda: case.upstream(SAMPLES, masks))
    regions = estimator.maps().regions
    assert regions is not None
    floor_s = SAMPLES * seconds_a_pass(sides.classifier, precision)
    found = lowest_correlation(regions.weights, theirs)
    return Row("lime-same-masks", sides.classifier.name, ours_s, upstream_s, found, floor_s, precision)

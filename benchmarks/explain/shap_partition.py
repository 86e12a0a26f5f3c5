"""Case shap-partition: SHAP values of rectangles by halving, the same number of evaluations, every class."""

from __future__ import annotations

import numpy as np
import shap
from numpy.typing import NDArray

from benchmarks.explain.row import Row
from benchmarks.explain.sides import Sides, lowest_correlation, seconds_a_pass, timed
from core.explanation.baselines import baseline

EVALUATIONS = 500
PARITY_EVALUATIONS = 100
BATCH = 50  # pictures, upstream's in its example
PARITY_BATCH = 16  # both look again what to divide next after so many
BASELINE = "blur"


def shap_partition(sides: Sides) -> Row:
    """Upstream: `shap.Explainer` with `maskers.Image("inpaint_telea")`, 500 evaluations, as in its image examples.

    Ours: `shap-partition` with its default baseline, 500 evaluations, in the precision that "auto" chooses. Parity:
    the lowest correlation of a class's map, both with our baseline and batches, 100 evaluations, float32; upstream
    divides pixels into channels, which are added up. The floor is 500 passes of the network.
    """
    classifier = sides.classifier
    sides.run("shap-partition", {"evaluations": 20})
    ours_s, estimator = timed(lambda: sides.run("shap-partition", {"evaluations": EVALUATIONS}))
    precision = estimator.request.precision
    upstream(sides, "inpaint_telea", 20)
    upstream_s, _ = timed(lambda: upstream(sides, "inpaint_telea", EVALUATIONS))
    floor_s = EVALUATIONS * seconds_a_pass(classifier, precision)
    return Row("shap-partition", classifier.name, ours_s, upstream_s, parity(sides), floor_s, precision)


def parity(sides: Sides) -> float:
    """How far both agree where they hide the picture behind the same baseline."""
    hidden = baseline(sides.scene(), BASELINE, sides.picture.shape[0])
    theirs = upstream(sides, hidden, PARITY_EVALUATIONS, PARITY_BATCH)
    ours = sides.run("shap-partition", {"evaluations": PARITY_EVALUATIONS, "baseline": BASELINE}, precision="float32")
    return lowest_correlation(ours.maps().native, theirs)


def upstream(
    sides: Sides, hidden: str | NDArray[np.uint8], evaluations: int, batch: int = BATCH
) -> NDArray[np.float32]:
    """Values `(K, S, S)` of every class."""
    shape = sides.picture.shape
    value = hidden if isinstance(hidden, str) else hidden.astype(np.float32)
    explainer = shap.Explainer(sides.logits, shap.maskers.Image(value, shape))
    picture = sides.picture[None].astype(np.float32)
    values = explainer(picture, max_evals=evaluations, batch_size=batch, silent=True).values  # (1, S, S, 3, K)
    return np.asarray(values[0].sum(axis=2).transpose(2, 0, 1))

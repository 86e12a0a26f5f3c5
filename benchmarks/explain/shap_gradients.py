"""Case shap-gradients-same-fidelity: how long until our expected gradients are as close to their limit as shap's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shap
import torch
from numpy.typing import NDArray

from benchmarks.explain.fidelity import fidelity, first_as_faithful, told
from benchmarks.explain.row import Row
from benchmarks.explain.sides import LARGE, Sides, lowest_correlation, timed
from core.explanation.backgrounds import background
from core.explanation.engine import start
from core.explanation.estimator import Estimator
from core.explanation.estimators.expected_gradients import expected_gradients
from core.explanation.pixel_gradients import pixel_network, pixels

SAMPLES = 200  # upstream's default
REFERENCE = {"small": 1600, "large": 200}  # whole rounds of the background
TIMED = {"small": SAMPLES, "large": 10}
PARITY_SAMPLES = 10
SEEDS = {"small": (0, 1, 2), "large": (0,)}
REFERENCE_SEED = 1000
FEWEST = 8
CHUNK = 10


def shap_gradients_same_fidelity(sides: Sides) -> Row:
    """Fidelity: mean rank correlation of a class's pixels (colours added up) with a reference's, over all classes.

    Both have our default background, 25 simulated cells, hence the same limit. The reference is ours with evenly
    spread draws of another seed: 1,600, for a large model 200. Upstream's fidelity at 200 samples is that of shap's own
    draws, evaluated by our network: the median of three runs, of one for a large model. It is timed on a run of
    `GradientExplainer.shap_values` of its own, at 200 samples and all five classes; a large model's at 10 samples
    times 20, since a run takes minutes to a quarter of an hour. Ours is the least budget that is as faithful, and the
    time is that of one run with this budget from nothing. Parity: lowest correlation of a class's values by shap with
    ours, 10 of shap's draws, float32.
    """
    kind = "large" if sides.classifier.card.parameters > LARGE else "small"
    size, timed_at = REFERENCE[kind], TIMED[kind]
    reference = values(sides.run("shap", {"samples": size}, seed=REFERENCE_SEED))
    precision = run_of(sides, 0).request.precision
    wanted = float(np.median([fidelity(same_draws(sides, s, SAMPLES, precision), reference) for s in SEEDS[kind]]))
    runs = [run_of(sides, seed) for seed in SEEDS[kind]]
    found = first_as_faithful(runs, values, reference, wanted, SAMPLES)
    ours_s, _ = timed(lambda: sides.run("shap", {"samples": found[0] if found else SAMPLES}))
    upstream_s = timed(lambda: upstream(sides, timed_at))[0] * SAMPLES / timed_at
    scaled = f", upstream timed at {timed_at} and scaled" if timed_at != SAMPLES else ""
    note = told(wanted, SAMPLES, found, f"{precision}, reference {size}{scaled}")
    row = Row("shap-gradients-same-fidelity", sides.classifier.name, ours_s, upstream_s, note=note)
    agreement = lowest_correlation(same_draws(sides, 0, PARITY_SAMPLES, "float32"), upstream(sides, PARITY_SAMPLES))
    return replace(row, parity=agreement)


def run_of(sides: Sides, seed: int) -> Estimator:
    """Our expected gradients, not begun."""
    return start("shap", sides.classifier, sides.scene(), {"samples": FEWEST}, seed)


def values(estimator: Estimator) -> NDArray[np.float32]:
    """`(K, S, S)`."""
    return estimator.maps().native


def backgrounds(sides: Sides) -> torch.Tensor:
    """The default background `(n, 3, S, S)` in [0, 1]."""
    shown = background(sides.scene(), "cells", sides.classifier.card.framing)
    return pixels(sides.classifier, shown.pictures(range(shown.count), sides.picture.shape[0]))


def upstream(sides: Sides, samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Values `(K, S, S)` of every class by shap's GradientExplainer, as in its README."""
    explainer = shap.GradientExplainer(sides.wrapped, backgrounds(sides).contiguous())
    picture = pixels(sides.classifier, sides.picture[None]).contiguous()
    found = explainer.shap_values(picture, nsamples=samples, rseed=seed)  # (1, 3, S, S, K)
    return np.asarray(found[0].sum(axis=0).transpose(2, 0, 1), dtype=np.float32)


def same_draws(sides: Sides, seed: int, samples: int, precision: str) -> NDArray[np.float32]:
    """The same values from shap's draws by our network: all classes from one graph."""
    generator = np.random.RandomState(seed)
    pictures = backgrounds(sides)
    draws = [(generator.choice(len(pictures)), generator.uniform()) for _ in range(samples)]
    network = pixel_network(sides.classifier, precision)
    picture = pixels(sides.classifier, sides.picture[None])[0]
    total: torch.Tensor | float = 0.0
    for first in range(0, samples, CHUNK):
        some = draws[first : first + CHUNK]
        alphas = torch.tensor([alpha for _, alpha in some], dtype=torch.float64)
        found = expected_gradients(network, picture, pictures[[number for number, _ in some]], alphas)
        total = total + found.sum(dim=(1, 2)).double()
    return np.asarray((total / samples).float().numpy())  # type: ignore[union-attr]

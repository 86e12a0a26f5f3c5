"""The cases of the explanation benchmark: CAM, the first estimate, LIME, expected gradients and partition SHAP, each
against the library that a user would take. Every case returns rows of the table; `command` runs them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import shap
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from benchmarks.explain.upstream import (
    LARGE,
    SAMPLES,
    BenchmarkRow,
    LimeCase,
    ModelPair,
    fidelity,
    first_as_faithful,
    lowest_correlation,
    medians,
    seconds_a_pass,
    timed,
    told,
)
from core.errors import InputError
from core.explanation.baselines import background, baseline
from core.explanation.engine import checked_request, explain, start
from core.explanation.gradients import pixel_network, pixels
from core.explanation.method import Estimator
from core.explanation.methods.expected_gradients import expected_gradients
from core.explanation.methods.lime import DESIGNS
from core.explanation.methods.registry import METHODS
from core.explanation.service.service import ExplanationService

CAM_METHODS = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus}
ROUNDS = 9
LONGEST = 60.0  # s
REFERENCE = 20_000
REFERENCE_OF_LARGE = 3_000
TIMED_OF_LARGE = 200
REFERENCE_SEED = 1000
SEEDS = (0, 1, 2)  # of both sides' runs
FEWEST = 20
GRADIENTS_SAMPLES = 200  # upstream's default
GRADIENTS_REFERENCE = {"small": 1600, "large": 200}  # whole rounds of the background
TIMED = {"small": GRADIENTS_SAMPLES, "large": 10}
PARITY_SAMPLES = 10
GRADIENTS_SEEDS = {"small": (0, 1, 2), "large": (0,)}
GRADIENTS_REFERENCE_SEED = 1000
GRADIENTS_FEWEST = 8
CHUNK = 10
EVALUATIONS = 500
PARITY_EVALUATIONS = 100
BATCH = 50  # pictures, upstream's in its example
PARITY_BATCH = 16  # both look again what to divide next after so many
BASELINE = "blur"


def cam_grid(sides: ModelPair) -> BenchmarkRow:
    """Upstream: one call a class and method, as in its README, after one that warms up. Ours: `explain`, median of 9.

    Parity: the lowest correlation of a class's maps, over both methods. The floor is one forward pass of our float32
    network.
    """
    classifier = sides.classifier
    tensor = classifier.tensor([sides.view])
    ours_s, forward_s = medians(
        [lambda: explain(classifier, sides.context(), list(CAM_METHODS)), lambda: classifier.run(tensor)], ROUNDS
    )
    cam_upstream(sides, classes=1)
    upstream_s, theirs = timed(lambda: cam_upstream(sides, len(classifier.card.classes)))
    answers = explain(classifier, sides.context(), list(CAM_METHODS))
    ours = np.concatenate([answers[name].values for name in CAM_METHODS])
    return BenchmarkRow(
        "cam-grid", classifier.name, ours_s, upstream_s, lowest_correlation(ours, theirs), forward_s, "float32"
    )


def cam_upstream(sides: ModelPair, classes: int) -> NDArray[np.float32]:
    """Maps `(methods * classes, S, S)`, each scaled to 0..1 as upstream does."""
    inputs = sides.classifier.tensor([sides.view]).contiguous()
    layer = sides.network.stages[sides.network.cut]  # type: ignore[index]
    maps = []
    for method in CAM_METHODS.values():
        with method(model=sides.network, target_layers=[layer]) as cam:
            maps += [cam(inputs, [ClassifierOutputTarget(index)])[0] for index in range(classes)]
    return np.stack(maps)


def first_estimate(sides: ModelPair) -> list[BenchmarkRow]:
    """A row a method, `case` "first-estimate" and the method's name in the note; default settings, warm model.

    Counted from the request of a picture never seen before to a map in hand, with superpixels, baselines and the
    queue's handover. There is no upstream side: its methods show nothing before they end.
    """
    rows = []
    for name, method in METHODS.items():
        if method.instant:
            continue
        first_map(sides, name)
        seconds, _ = timed(partial(first_map, sides, name))
        rows.append(BenchmarkRow("first-estimate", sides.classifier.name, seconds, note=name))
    return rows


def first_map(sides: ModelPair, name: str) -> None:
    """Ask, and wait for the first map."""
    service = ExplanationService()
    try:
        job = service.request(checked_request(name, sides.classifier, service.context(sides.view)))
        while job.explanation() is None:
            if job.state == "failed" or job.seconds > LONGEST:
                raise InputError(f"{name} shows nothing: {job.fault}")
            job.wait(0.005)
    finally:
        service.close()


def lime_same_fidelity(sides: ModelPair) -> BenchmarkRow:
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
    row = BenchmarkRow(
        "lime-same-fidelity", sides.classifier.name, ours_s, upstream_s, note=told(wanted, SAMPLES, found, rest)
    )
    return replace(row, parity=found[1] / wanted if found else None)


def run_of(sides: ModelPair, seed: int) -> Estimator:
    """Our LIME, not begun."""
    return start("lime", sides.classifier, sides.context(), {"samples": FEWEST}, seed)


def weights(estimator: Estimator) -> NDArray[np.float32]:
    """Coefficients `(K, s)`."""
    regions = estimator.maps().regions
    assert regions is not None
    return regions.weights


def lime_same_masks(sides: ModelPair) -> BenchmarkRow:
    """Both from nothing to coefficients: the same superpixels, hidden picture and masks, which are ours.

    Upstream is not charged for cutting superpixels, ours is. Our precision is what "auto" chooses. Parity: the lowest
    correlation of a class's coefficients, ours in that precision. The floor is 1,000 passes of the network.
    """
    case = LimeCase(sides)
    sides.run("lime", {"samples": 30})
    ours_s, estimator = timed(lambda: sides.run("lime", {"samples": SAMPLES}))
    precision = estimator.request.precision
    masks = DESIGNS[case.settings.masks](SAMPLES, case.parts, estimator.request.seed)
    upstream_s, theirs = timed(lambda: case.upstream(SAMPLES, masks))
    regions = estimator.maps().regions
    assert regions is not None
    floor_s = SAMPLES * seconds_a_pass(sides.classifier, precision)
    found = lowest_correlation(regions.weights, theirs)
    return BenchmarkRow("lime-same-masks", sides.classifier.name, ours_s, upstream_s, found, floor_s, precision)


def shap_gradients_same_fidelity(sides: ModelPair) -> BenchmarkRow:
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
    size, timed_at = GRADIENTS_REFERENCE[kind], TIMED[kind]
    reference = values(sides.run("shap", {"samples": size}, seed=GRADIENTS_REFERENCE_SEED))
    precision = gradients_run_of(sides, 0).request.precision
    wanted = float(
        np.median(
            [fidelity(same_draws(sides, s, GRADIENTS_SAMPLES, precision), reference) for s in GRADIENTS_SEEDS[kind]]
        )
    )
    runs = [gradients_run_of(sides, seed) for seed in GRADIENTS_SEEDS[kind]]
    found = first_as_faithful(runs, values, reference, wanted, GRADIENTS_SAMPLES)
    ours_s, _ = timed(lambda: sides.run("shap", {"samples": found[0] if found else GRADIENTS_SAMPLES}))
    upstream_s = timed(lambda: gradients_upstream(sides, timed_at))[0] * GRADIENTS_SAMPLES / timed_at
    scaled = f", upstream timed at {timed_at} and scaled" if timed_at != GRADIENTS_SAMPLES else ""
    note = told(wanted, GRADIENTS_SAMPLES, found, f"{precision}, reference {size}{scaled}")
    row = BenchmarkRow("shap-gradients-same-fidelity", sides.classifier.name, ours_s, upstream_s, note=note)
    agreement = lowest_correlation(
        same_draws(sides, 0, PARITY_SAMPLES, "float32"), gradients_upstream(sides, PARITY_SAMPLES)
    )
    return replace(row, parity=agreement)


def gradients_run_of(sides: ModelPair, seed: int) -> Estimator:
    """Our expected gradients, not begun."""
    return start("shap", sides.classifier, sides.context(), {"samples": GRADIENTS_FEWEST}, seed)


def values(estimator: Estimator) -> NDArray[np.float32]:
    """`(K, S, S)`."""
    return estimator.maps().native


def backgrounds(sides: ModelPair) -> torch.Tensor:
    """The default background `(n, 3, S, S)` in [0, 1]."""
    shown = background(sides.context(), "cells", sides.classifier.card.framing)
    return pixels(sides.classifier, shown.pictures(range(shown.count), sides.picture.shape[0]))


def gradients_upstream(sides: ModelPair, samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Values `(K, S, S)` of every class by shap's GradientExplainer, as in its README."""
    explainer = shap.GradientExplainer(sides.wrapped, backgrounds(sides).contiguous())
    picture = pixels(sides.classifier, sides.picture[None]).contiguous()
    found = explainer.shap_values(picture, nsamples=samples, rseed=seed)  # (1, 3, S, S, K)
    return np.asarray(found[0].sum(axis=0).transpose(2, 0, 1), dtype=np.float32)


def same_draws(sides: ModelPair, seed: int, samples: int, precision: str) -> NDArray[np.float32]:
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


def shap_partition(sides: ModelPair) -> BenchmarkRow:
    """Upstream: `shap.Explainer` with `maskers.Image("inpaint_telea")`, 500 evaluations, as in its image examples.

    Ours: `shap-partition` with its default baseline, 500 evaluations, in the precision that "auto" chooses. Parity:
    the lowest correlation of a class's map, both with our baseline and batches, 100 evaluations, float32; upstream
    divides pixels into channels, which are added up. The floor is 500 passes of the network.
    """
    classifier = sides.classifier
    sides.run("shap-partition", {"evaluations": 20})
    ours_s, estimator = timed(lambda: sides.run("shap-partition", {"evaluations": EVALUATIONS}))
    precision = estimator.request.precision
    partition_upstream(sides, "inpaint_telea", 20)
    upstream_s, _ = timed(lambda: partition_upstream(sides, "inpaint_telea", EVALUATIONS))
    floor_s = EVALUATIONS * seconds_a_pass(classifier, precision)
    return BenchmarkRow("shap-partition", classifier.name, ours_s, upstream_s, parity(sides), floor_s, precision)


def parity(sides: ModelPair) -> float:
    """How far both agree where they hide the picture behind the same baseline."""
    hidden = baseline(sides.context(), BASELINE, sides.picture.shape[0])
    theirs = partition_upstream(sides, hidden, PARITY_EVALUATIONS, PARITY_BATCH)
    ours = sides.run("shap-partition", {"evaluations": PARITY_EVALUATIONS, "baseline": BASELINE}, precision="float32")
    return lowest_correlation(ours.maps().native, theirs)


def partition_upstream(
    sides: ModelPair, hidden: str | NDArray[np.uint8], evaluations: int, batch: int = BATCH
) -> NDArray[np.float32]:
    """Values `(K, S, S)` of every class."""
    shape = sides.picture.shape
    value = hidden if isinstance(hidden, str) else hidden.astype(np.float32)
    explainer = shap.Explainer(sides.logits, shap.maskers.Image(value, shape))
    picture = sides.picture[None].astype(np.float32)
    values = explainer(picture, max_evals=evaluations, batch_size=batch, silent=True).values  # (1, S, S, 3, K)
    return np.asarray(values[0].sum(axis=2).transpose(2, 0, 1))

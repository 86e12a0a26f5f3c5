"""Maps by shap from end to end: its KernelExplainer, PartitionExplainer and GradientExplainer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import RegionSettings, background, baseline, of_superpixels
from core.explanation.context import SIDE
from core.explanation.method import Request
from core.explanation.methods.expected_gradients import ExpectedGradientsSettings
from core.explanation.methods.kernel_shap import Coalitions
from core.explanation.methods.partition_shap import BATCH as DECISIONS
from core.explanation.methods.partition_shap import PartitionShapSettings
from core.explanation.reference.private import BATCH, PixelNetwork, PrivateNetwork, Tell, silent, tensor_of
from core.explanation.sampling import spread_draws
from core.explanation.superpixels import OWN, superpixels

MOST_DRAWS = 100  # a call of GradientExplainer, which keeps every draw's picture in float64


def kernel_maps(
    request: Request[RegionSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Each superpixel's Shapley value painted over it, `(k, S, S)`, by shap's `KernelExplainer`.

    Its drawing of coalitions is passed over: it is given ours with their weights, evaluates them and solves.
    """
    library: Any = importlib.import_module("shap")
    context, side, chosen = request.context, request.side, request.settings
    cut, regions = chosen.superpixels, chosen.regions
    labels = superpixels(context, cut, regions, side)
    parts = int(superpixels(context, cut, regions, SIDE).max()) + 1
    if evaluations < 2 * parts + 2:
        raise InputError(
            f"{evaluations} samples do not look at every one of the {parts} superpixels: what the others share is "
            f"left open, and shap settles it otherwise. Give Kernel SHAP {2 * parts + 2} samples or more."
        )
    network = PrivateNetwork(request.classifier, tell)
    network.expected = evaluations
    picture = context.picture(side)
    hidden = baseline(context, of_superpixels(request.settings.baseline, cut, regions), side)

    def outputs(keep: NDArray[np.float64]) -> NDArray[np.float64]:
        shown = (np.where((row > 0)[labels][..., None], picture, hidden) for row in keep)
        return np.concatenate([network.of_pictures(one[None]) for one in shown])

    order = Coalitions(parts, request.seed)
    rows, weights = order.first(evaluations)[2:].astype(float), order.weights(evaluations)[2:]
    explainer = library.KernelExplainer(outputs, np.zeros((1, parts)))
    whole = np.ones((1, parts))
    explainer.M, explainer.varyingFeatureGroups = parts, np.arange(parts)
    explainer.nsamples, explainer.l1_reg, explainer.fx = len(rows), False, outputs(whole)[0]
    explainer.allocate()
    for row, weight in zip(rows, weights, strict=True):
        explainer.addsample(whole, row, weight)
    explainer.run()
    values = np.stack([explainer.solve(1.0, index)[0] for index in indices])  # (k, s)
    return values.astype(np.float32)[:, labels]


def partition_maps(
    request: Request[PartitionShapSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Owen values of pixels `(k, S, S)`, colours added up, by shap's `PartitionExplainer` over its `Image` masker."""
    if request.settings.superpixels == OWN:
        raise InputError("shap's Image masker halves rectangles alone: it cannot be asked about your own regions.")
    library: Any = importlib.import_module("shap")
    context, side = request.context, request.side
    network = PrivateNetwork(request.classifier, tell)
    network.expected = evaluations
    masker = library.maskers.Image(baseline(context, request.settings.baseline, side).astype(np.float64))
    explainer = library.PartitionExplainer(network.of_pictures, masker)
    picture = context.picture(side).astype(np.float64)[None]
    found = explainer(picture, max_evals=evaluations, batch_size=DECISIONS, silent=True).values  # (1, S, S, 3, K)
    values: NDArray[np.float32] = found[0].sum(axis=2).transpose(2, 0, 1).astype(np.float32)
    return values[list(indices)]


def gradient_maps(
    request: Request[ExpectedGradientsSettings], indices: Sequence[int], evaluations: int, tell: Tell = silent
) -> NDArray[np.float32]:
    """Expected gradients of pixels `(k, S, S)`, colours added up, by shap's `GradientExplainer` with our draws.

    Many draws are taken in several calls, and the mean of their means weighted by how many each took.
    """
    library: Any = importlib.import_module("shap")
    side, classifier = request.side, request.classifier
    network = PrivateNetwork(classifier, tell)
    shown = background(request.context, request.settings.background, classifier.card.framing)
    pictures = tensor_of(shown.pictures(range(shown.count), side))
    calls = -(-evaluations // MOST_DRAWS)
    network.expected = shown.count + evaluations * len(indices)
    network.requires_grad_(False)  # of the pictures alone
    explainer = library.GradientExplainer(PixelNetwork(network, list(indices)), pictures, batch_size=BATCH)
    picture, total = tensor_of(request.context.picture(side)[None]), np.zeros((len(indices), side, side))
    for call in range(calls):
        first, last = call * MOST_DRAWS, min((call + 1) * MOST_DRAWS, evaluations)
        with _given_draws(*spread_draws(request.seed, shown.count, first, last)):
            values = explainer.shap_values(picture, nsamples=last - first, rseed=0)  # (1, 3, S, S, k)
        total += np.moveaxis(np.asarray(values)[0], -1, 0).sum(axis=1) * (last - first)
    return (total / evaluations).astype(np.float32)


@contextmanager
def _given_draws(numbers: NDArray[np.int64], alphas: NDArray[np.float64]) -> Iterator[None]:
    """Let numpy's global generator give these draws, from the first again whenever it is seeded.

    GradientExplainer asks it in turn for a background picture and for a place on the way, and takes no generator.
    """
    places: dict[str, Iterator[Any]] = {}

    def seed(_: int) -> None:
        places["choice"], places["uniform"] = iter(numbers.tolist()), iter(alphas.tolist())

    before = {name: getattr(np.random, name) for name in ("seed", "choice", "uniform")}
    given = {"seed": seed, "choice": lambda count: next(places["choice"]), "uniform": lambda: next(places["uniform"])}
    try:
        for name, function in given.items():
            setattr(np.random, name, function)
        yield
    finally:
        for name, function in before.items():
            setattr(np.random, name, function)

"""Partition SHAP against shap's own explainer, against all orders counted out, and on a model whose truth is known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.context import ImageContext
from core.explanation.methods.partition_shap import PARTITION_SHAP
from core.explanation.partition import Rectangle, RegionTree, area, halves
from core.explanation.reference.shap import partition_maps
from core.models.classifier import Classifier, standardise
from tests.support.toy_networks import (
    begin,
    even,
    finish,
    noise,
    quadrant_network,
    random_network,
    toy,
    two_tone,
)


def outputs(classifier: Classifier, pictures: np.ndarray) -> np.ndarray:
    """Logits of pictures `(n, S, S, 3)` in 0-255, the plain way."""
    inputs = torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255).permute(0, 3, 1, 2)
    with torch.no_grad():
        return classifier.network(standardise(inputs)).numpy()


@pytest.mark.parametrize(("side", "budget"), [(16, 2), (16, 64), (16, 301), (15, 10), (15, 200), (20, 200), (30, 150)])
def test_values_are_those_of_shap_after_the_same_evaluations(side: int, budget: int) -> None:
    """Also at odd sides, where shap's halves are not those that its cutting suggests."""
    estimator = finish(begin(PARTITION_SHAP, toy(random_network(), side), noise(40), evaluations=budget))
    expected = partition_maps(estimator.request, range(3), estimator.evaluations)
    assert estimator.evaluations == budget + budget % 2
    np.testing.assert_allclose(estimator.maps().native, expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


def test_the_limit_is_the_mean_over_all_orders_in_which_halves_can_come() -> None:
    classifier, context = toy(random_network(), 3), noise(12, 1)
    picture, hidden = context.picture(3), baseline(context, "blur", 3)
    shown = np.array(list(product([False, True], repeat=9))).reshape(-1, 3, 3, 1)
    game = outputs(classifier, np.where(shown, picture, hidden))
    wanted, orders = np.zeros((9, 3)), arrangements((0, 3, 0, 3))
    assert len(orders) == 2**8
    for order in orders:
        coalition = 0
        for pixel in order:
            joined = coalition | 1 << 8 - pixel
            wanted[pixel] += (game[joined] - game[coalition]) / len(orders)
            coalition = joined
    estimator = finish(begin(PARTITION_SHAP, classifier, context, evaluations=10_000))
    assert estimator.evaluations < 200  # nothing was left to divide
    np.testing.assert_allclose(estimator.maps().native.reshape(3, 9), wanted.T, atol=1e-6)
    assert "9 regions" in estimator.maps().note


def arrangements(rectangle: Rectangle) -> list[tuple[int, ...]]:
    if area(rectangle) == 1:
        return [(rectangle[0] * 3 + rectangle[2],)]
    first, second = (arrangements(half) for half in halves(rectangle))
    return [order for a, b in product(first, second) for order in (a + b, b + a)]


def test_a_stopped_run_goes_on_where_it_was() -> None:
    classifier, context = toy(random_network(), 48), noise()
    through = finish(begin(PARTITION_SHAP, classifier, context, evaluations=120))
    stopped = begin(PARTITION_SHAP, toy(random_network(), 48, parameters=20_000_000), noise(), evaluations=7)
    for budget in (7, 30, 31, 90, 120):
        stopped.budget = budget
        finish(stopped)
        assert budget <= stopped.evaluations <= budget + 1
    assert stopped.evaluations == through.evaluations
    np.testing.assert_allclose(stopped.maps().native, through.maps().native, atol=1e-6)
    again = finish(begin(PARTITION_SHAP, toy(random_network(), 48), noise(), evaluations=120))
    assert np.array_equal(again.maps().native, through.maps().native)


def test_values_add_up_and_only_the_quadrant_that_counts_has_any() -> None:
    context = two_tone()
    estimator = begin(PARTITION_SHAP, toy(quadrant_network(), 48), context, evaluations=400, baseline="mean")
    with pytest.raises(InputError, match="do a step"):
        estimator.maps()
    maps = finish(estimator).maps()
    assert maps.gap is not None and np.abs(maps.gap[:2]).max() < 1e-5
    inside = np.abs(maps.native[0, :24, :24]).sum()
    assert inside > 0.99 * np.abs(maps.native[0]).sum() > 0.1
    np.testing.assert_allclose(maps.native[0], -maps.native[1], atol=1e-6)


@pytest.mark.parametrize("filling", ["blur", "mean", "inpaint", "smear"])
def test_an_even_picture_has_no_evidence(filling: str) -> None:
    maps = finish(begin(PARTITION_SHAP, toy(random_network(), 48), even(), evaluations=40, baseline=filling)).maps()
    assert not maps.native.any() and maps.gap is not None and not maps.gap.any()


def test_own_regions_are_halved_by_the_tree_down_to_their_mean_over_all_orders() -> None:
    """Four vertical strips; every order in which a tree's halves can come is counted out."""
    strips = np.repeat(np.arange(4, dtype=np.int32), 12)[None].repeat(48, axis=0)
    context = ImageContext(noise(48, 1).rgb, given_regions=strips)
    classifier = toy(random_network(), 48)
    estimator = finish(begin(PARTITION_SHAP, classifier, context, superpixels="own", evaluations=500))
    assert estimator.evaluations < 50  # nothing was left to divide
    tree = RegionTree(strips, context.picture(48))

    def orders(piece: int) -> list[tuple[int, ...]]:
        if tree.is_leaf(piece):
            return [(piece,)]
        first, second = (orders(int(half)) for half in tree.halves(piece))
        return [order for a, b in product(first, second) for order in (a + b, b + a)]

    picture, hidden = context.picture(48), baseline(context, "blur", 48)
    shown = np.array(list(product([False, True], repeat=4)))  # (16, 4)
    game = outputs(classifier, np.where(shown[:, strips][..., None], picture, hidden))
    wanted, every = np.zeros((4, 3)), orders(int(tree.root))
    assert len(every) == 2**3 and all(sorted(order) == [0, 1, 2, 3] for order in every)
    for order in every:
        coalition = 0
        for region in order:
            joined = coalition | 1 << 3 - region
            wanted[region] += (game[joined] - game[coalition]) / len(every)
            coalition = joined
    found = np.stack([estimator.maps().native[:, strips == region].sum(axis=1) for region in range(4)])
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(wanted).max() > 1e-2


def test_neighbours_in_place_and_colour_are_joined_first() -> None:
    labels = np.array([[0, 1], [2, 3]], dtype=np.int32).repeat(12, axis=0).repeat(12, axis=1)
    picture = np.zeros((24, 24, 3), dtype=np.uint8)
    picture[labels >= 2] = 255  # the upper pair is dark, the lower one bright
    tree = RegionTree(labels, picture)
    halves_of_whole = [sorted(tree.halves(int(half))) for half in tree.halves(int(tree.root))]
    assert sorted(halves_of_whole) == [[0, 1], [2, 3]]

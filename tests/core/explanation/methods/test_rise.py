"""RISE against the paper's formula written slowly, its error against repeated runs, and a model of known truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.context import SIDE, ImageContext
from core.explanation.methods.rise import RISE, RiseEstimator, rise_mask
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


def rise(
    classifier: Classifier, context: ImageContext, samples: int, seed: int = 0, keep: float = 0.5
) -> RiseEstimator:
    estimator = finish(begin(RISE, classifier, context, seed, samples=samples, keep=keep))
    assert isinstance(estimator, RiseEstimator)
    return estimator


def probabilities(classifier: Classifier, context: ImageContext, mask: np.ndarray) -> np.ndarray:
    side = classifier.card.input_size
    picture, hidden = context.picture(side) / 255, baseline(context, "blur", side) / 255
    mixed = mask[..., None] * picture + (1 - mask[..., None]) * hidden
    with torch.no_grad():
        logits = classifier.network(standardise(torch.from_numpy(mixed).float().permute(2, 0, 1)[None]))
    return torch.softmax(logits, dim=1)[0].numpy()


@pytest.mark.parametrize("keep", [0.5, 0.3])
def test_the_expected_probability_is_the_papers_equation_6(keep: float) -> None:
    classifier, context = toy(random_network(), 32), noise()
    draws = [rise_mask(4, number, 7, keep, 32) for number in range(20)]
    masks = [mask for draw in draws for mask in ((draw, 1 - draw) if keep == 0.5 else (draw,))]
    answers = [probabilities(classifier, context, mask) for mask in masks]
    total = sum(answer[:, None, None] * mask for answer, mask in zip(answers, masks, strict=True))
    estimator = rise(classifier, context, len(masks), 4, keep)
    assert estimator.evaluations == len(masks)
    np.testing.assert_allclose(estimator.expected(), total / (keep * len(masks)), atol=1e-5)
    mean, cover = np.mean(answers, axis=0)[:, None, None], np.mean(masks, axis=0)
    maps = estimator.maps()
    np.testing.assert_allclose(maps.native, estimator.expected() - mean * cover / keep, atol=1e-5)
    if keep == 0.5:  # the mean itself
        np.testing.assert_allclose(maps.native, estimator.expected() - mean, atol=1e-5)


def test_a_mask_is_a_grid_enlarged_and_shifted() -> None:
    generator = np.random.default_rng([3, 8])
    cells = generator.random((5, 5)) < 0.4
    top, left = generator.integers(0, 45, 2)  # 224 / 5, rounded up
    mask = rise_mask(3, 8, 5, 0.4, SIDE)
    for row, column in [(0, 0), (100, 30), (223, 223), (17, 201)]:
        where = [np.clip((place + 0.5) * 5 / 270 - 0.5, 0, 4) for place in (row + top, column + left)]
        near = [np.clip(1 - np.abs(np.arange(5) - place), 0, 1) for place in where]
        assert mask[row, column] == pytest.approx(near[0] @ cells @ near[1], abs=1e-3)
    assert np.abs(rise_mask(3, 8, 5, 0.4, 112) - mask.reshape(112, 2, 112, 2).mean(axis=(1, 3))).max() < 1e-5
    assert not np.array_equal(mask, rise_mask(3, 9, 5, 0.4, SIDE))


def test_masks_keep_their_share_everywhere() -> None:
    mean = np.mean([rise_mask(0, number, 7, 0.3, 32) for number in range(4000)], axis=0)
    assert np.abs(mean - 0.3).max() < 0.03


@pytest.mark.parametrize("keep", [0.5, 0.4])
def test_the_standard_error_is_the_scatter_of_runs(keep: float) -> None:
    classifier, context = toy(random_network(), 32), noise()
    runs = [rise(classifier, context, 100, seed, keep).maps() for seed in range(40)]
    scatter = np.std([run.native for run in runs], axis=0, ddof=1)
    claimed = np.mean([run.error for run in runs if run.error is not None], axis=0)
    assert 0.85 < (claimed / scatter).mean() < 1.2


def test_a_stopped_run_goes_on_where_it_was() -> None:
    through = rise(toy(random_network(), 48), noise(), 90, 2)
    stopped = begin(RISE, toy(random_network(), 48, parameters=20_000_000), noise(), 2, samples=10)
    with pytest.raises(InputError, match="do a step"):
        stopped.maps()
    for budget in (10, 31, 90):
        stopped.budget = budget
        finish(stopped)
    assert stopped.evaluations == through.evaluations == 90
    np.testing.assert_allclose(stopped.maps().native, through.maps().native, atol=1e-5)
    np.testing.assert_allclose(stopped.maps().error, through.maps().error, atol=1e-5)
    again = rise(toy(random_network(), 48), noise(), 90, 2)
    assert np.array_equal(again.maps().native, through.maps().native)


def test_the_quadrant_that_counts_stands_out() -> None:
    maps = rise(toy(quadrant_network(), 48), two_tone(), 1500).maps()
    assert maps.error is not None
    inside, far = maps.native[0, 4:20, 4:20], maps.native[0, 30:, 30:]
    assert inside.mean() > 5 * np.abs(far).mean() and np.abs(far / maps.error[0, 30:, 30:]).max() < 4
    assert "a 0." in maps.note


@pytest.mark.parametrize("keep", [0.5, 0.3])
def test_an_even_picture_has_no_evidence(keep: float) -> None:
    maps = rise(toy(random_network(), 48), even(), 50, keep=keep).maps()
    assert maps.error is not None
    assert np.abs(maps.native).max() == 0 == maps.error.max()

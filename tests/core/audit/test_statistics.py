"""The audit's statistics: against scikit-learn and scipy, their definitions written slowly, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from scipy.stats import binom
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as their_log_loss

from core.audit.statistics import (
    adaptive_error,
    brier_score,
    classwise_error,
    clustered_interval,
    detectable_difference,
    holm,
    log_loss,
    mcnemar,
)
from core.evaluation.metrics import calibration


def answers(count: int = 400, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, classes)) * 2, random.integers(0, classes, count)


def test_log_loss_is_scikit_learns() -> None:
    logits, labels = answers()
    expected = their_log_loss(labels, softmax(logits, axis=1))
    assert log_loss(logits, labels) == pytest.approx(expected)
    assert log_loss(np.array([[1000.0, -1000.0]]), np.array([1])) == pytest.approx(2000)  # no infinity


def test_brier_score_adds_up_scikit_learns_of_each_class() -> None:
    logits, labels = answers()
    probabilities = softmax(logits, axis=1)
    expected = sum(brier_score_loss(labels == k, probabilities[:, k]) for k in range(4))
    assert brier_score(probabilities, labels) == pytest.approx(expected)
    assert brier_score(np.eye(2), np.array([0, 1])) == 0 and brier_score(np.eye(2), np.array([1, 0])) == 2


def test_adaptive_error_by_its_definition() -> None:
    logits, labels = answers(count=150)
    probabilities = softmax(logits, axis=1)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    pairs = sorted(zip(confidence, right, strict=True))
    slow = 0.0
    for start in range(0, 150, 10):  # 15 parts of ten
        part = pairs[start : start + 10]
        slow += 10 / 150 * abs(np.mean([one for one, _ in part]) - np.mean([hit for _, hit in part]))
    assert adaptive_error(confidence, right) == pytest.approx(slow)


@pytest.mark.parametrize("count", [1, 3, 14, 16])
def test_adaptive_error_of_few_answers(count: int) -> None:
    assert adaptive_error(np.full(count, 0.75), np.ones(count, dtype=bool)) == pytest.approx(0.25)


def test_classwise_error_is_the_mean_of_the_classes_own() -> None:
    logits, labels = answers()
    probabilities = softmax(logits, axis=1)
    own = [calibration(probabilities[:, k], labels == k).ece for k in range(4)]
    assert classwise_error(probabilities, labels) == pytest.approx(np.mean(own))
    assert log_softmax(logits, axis=1).shape == probabilities.shape


def test_mcnemar_is_the_exact_binomial_test() -> None:
    first = np.array([True] * 12 + [False] * 3 + [True] * 50)
    second = np.array([False] * 12 + [True] * 3 + [True] * 50)
    only_first, only_second, value = mcnemar(first, second)
    assert (only_first, only_second) == (12, 3) and value == pytest.approx(2 * binom.cdf(3, 15, 0.5))
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_slides_drawn_anew_hold_the_truth_where_images_drawn_anew_do_not() -> None:
    """Twenty slides of thirty images: whole slides are easy or hard, so that images are far from independent."""
    random, held, narrow = np.random.default_rng(0), 0, 0
    for _ in range(120):
        rates = random.beta(4, 1, size=20)
        right = np.concatenate([random.random(30) < rate for rate in rates])
        slides = np.repeat(np.arange(20), 30)
        found = clustered_interval(slides, lambda places, right=right: right[places].mean(), draws=300)
        plain = clustered_interval(np.arange(600), lambda places, right=right: right[places].mean(), draws=300)
        held += found.low <= 0.8 <= found.high
        narrow += plain.low <= 0.8 <= plain.high
    assert held >= 102 and narrow < 90  # of 120, where 114 are promised


def test_one_slide_has_no_interval() -> None:
    assert not clustered_interval(["a"] * 9, lambda places: 0.5).defined
    assert not clustered_interval([], lambda places: float("nan")).defined


def test_what_a_set_can_tell_shrinks_with_its_root() -> None:
    assert detectable_difference(400, 0.5) == pytest.approx(0.07)
    assert detectable_difference(1600, 0.5) == pytest.approx(0.035) and detectable_difference(0, 0.5) == 1

"""Precision against recall: scikit-learn, hand-made cases, and how often its interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from core.evaluation.curves import precision_recall


@pytest.mark.parametrize("tied", [False, True])
def test_curve_and_area_are_scikit_learns(tied: bool) -> None:
    random = np.random.default_rng(1)
    positive = random.random(300) < 0.2
    scores = random.normal(size=300) + 1.2 * positive
    scores = scores.round(0 if tied else 9)
    found = precision_recall(scores, positive)
    assert found.average.value == pytest.approx(average_precision_score(positive, scores))
    precision, recall, _ = precision_recall_curve(positive, scores, drop_intermediate=False)
    assert found.recall == pytest.approx(recall[:-1][::-1]) and found.precision == pytest.approx(precision[:-1][::-1])


def test_small_cases_by_hand() -> None:
    found = precision_recall(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]))
    assert found.recall == (0.5, 0.5, 1.0) and found.precision == pytest.approx((1, 1 / 2, 2 / 3))
    assert found.average.value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    perfect = precision_recall(np.array([2.0, 1.0]), np.array([True, False])).average
    assert perfect.value == 1 and perfect.low is None
    assert not precision_recall(np.array([2.0, 1.0]), np.array([False, False])).average.defined
    assert not precision_recall(np.zeros(0), np.zeros(0, dtype=bool)).average.defined


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    many = random.random(200_000) < 0.3
    truth = average_precision_score(many, random.normal(size=len(many)) + 1.5 * many)
    held = 0
    for _ in range(200):
        positive = random.random(300) < 0.3
        found = precision_recall(random.normal(size=300) + 1.5 * positive, positive).average
        held += found.low <= truth <= found.high
    assert held >= 184  # of 200, where 190 are promised

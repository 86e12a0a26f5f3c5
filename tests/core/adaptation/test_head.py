"""The fitted last layer: against scikit-learn's logistic regression, and where nothing pulls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.adaptation.head import LinearHead, balanced_loss, fit_head

SCALES = (0.01, 1.0, 300.0)


def cells(count: int, width: int, seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), random.choice(3, size=count - 3, p=(0.6, 0.3, 0.1))])
    features = random.normal(size=(count, width)) + 1.5 * np.eye(3, width)[labels]
    return features * scale, labels


def nothing(width: int) -> LinearHead:
    return LinearHead(np.zeros((3, width)), np.zeros(3))


@pytest.mark.parametrize("count, width", [(40, 6), (12, 50)])
@pytest.mark.parametrize("penalty", [1e-3, 1e-1])
@pytest.mark.parametrize("scale", SCALES)
def test_from_an_empty_layer_it_is_balanced_logistic_regression(
    count: int, width: int, penalty: float, scale: float
) -> None:
    features, labels = cells(count, width, scale=scale)
    found = fit_head(features, labels, nothing(width), penalty)
    unit = features / np.sqrt((features**2).sum(axis=1).mean())
    extended = np.column_stack([unit, np.ones(count)])  # the bias is held near the first one too
    weights = 1 / np.bincount(labels)[labels]
    oracle = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-10, max_iter=5000)
    oracle.fit(extended, labels, sample_weight=weights / weights.sum())
    expected = extended @ oracle.coef_.T
    assert found.logits(features) == pytest.approx(expected - expected.mean(axis=1, keepdims=True), abs=5e-3)


def test_a_strong_penalty_leaves_the_layer_as_it_was() -> None:
    features, labels = cells(30, 8)
    first = LinearHead(np.random.default_rng(1).normal(size=(3, 8)), np.array([0.1, -0.2, 0.3]))
    found = fit_head(features, labels, first, 1e9)
    assert found.weight == pytest.approx(first.weight, abs=1e-6) and found.bias == pytest.approx(first.bias, abs=1e-6)
    weaker = fit_head(features, labels, first, 1e-3)
    assert balanced_loss(weaker.logits(features), labels) < balanced_loss(first.logits(features), labels)


def test_a_class_without_labels_is_still_named_where_it_was() -> None:
    features, labels = cells(60, 8)
    first = LinearHead(5 * np.eye(3, 8), np.zeros(3))
    known = labels != 2
    found = fit_head(features[known], labels[known], first, 1e-2)
    third = np.array([[-2.0, -2.0, 4.0, 0, 0, 0, 0, 0]])
    assert first.logits(third).argmax() == 2 and found.logits(third).argmax() == 2


def test_the_loss_counts_each_class_alike() -> None:
    logits = np.log(np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.9, 0.1]]))
    assert balanced_loss(logits, np.array([0, 0, 0, 1])) == pytest.approx((np.log(2) - np.log(0.1)) / 2)

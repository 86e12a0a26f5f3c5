"""Figures per class and their means, against scikit-learn and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from core.evaluation.metrics import class_means, class_rates, confusion_matrix

NAMES = ("a", "b", "c")


def test_figures_equal_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, answers = random.integers(0, 3, 400), random.integers(0, 3, 400)
    answers[::2] = labels[::2]
    counts = confusion_matrix(labels, answers, 3)
    rows, known = class_rates(counts, NAMES), precision_recall_fscore_support(labels, answers)
    for kind, values in zip(("precision", "sensitivity", "f1"), known, strict=False):
        assert [getattr(row, kind).value for row in rows] == pytest.approx(list(values))
    means = class_means(counts)
    macro = precision_recall_fscore_support(labels, answers, average="macro")[:3]
    assert [means.precision.value, means.sensitivity.value, means.f1.value] == pytest.approx(list(macro))
    slow = [np.mean(answers[labels != k] != k) for k in range(3)]
    assert [row.specificity.value for row in rows] == pytest.approx(slow)
    assert means.specificity.value == pytest.approx(np.mean(slow))
    assert all(row.named == (answers == k).sum() and not row.few for k, row in enumerate(rows))


def test_a_class_that_is_absent_has_a_specificity_alone() -> None:
    rows = class_rates(np.array([[18, 2, 0], [0, 20, 0], [0, 0, 0]]), NAMES)
    absent = rows[2]
    assert not (absent.precision.defined or absent.sensitivity.defined or absent.f1.defined)
    assert absent.specificity.value == 1 and absent.specificity.of == 40 and absent.few


def test_a_class_that_is_never_named_has_no_precision_but_a_sensitivity_of_zero() -> None:
    row = class_rates(np.array([[20, 0], [12, 0]]), ("a", "b"))[1]
    assert not row.precision.defined
    assert row.sensitivity.value == 0 and row.f1.value == 0


def test_means_leave_out_classes_under_ten_and_are_none_without_any() -> None:
    means = class_means(np.array([[15, 5, 0], [0, 10, 0], [9, 0, 0]]))
    assert means.classes == 2 and means.sensitivity.value == pytest.approx((0.75 + 1) / 2)
    nothing = class_means(np.array([[3, 0], [1, 4]]))
    assert nothing.classes == 0 and nothing.f1.value is None and nothing.f1.of == 8


def test_the_bootstrap_equals_drawing_images_anew() -> None:
    """The multinomial draw of counts against drawing 160 images with replacement, one by one."""
    random = np.random.default_rng(5)
    labels, answers = random.integers(0, 3, 160), random.integers(0, 3, 160)
    answers[:110] = labels[:110]
    drawn = []
    for _ in range(3000):
        rows = random.integers(0, 160, 160)
        drawn.append(np.mean([np.mean(answers[rows][labels[rows] == k] == k) for k in range(3)]))
    found = class_means(confusion_matrix(labels, answers, 3)).sensitivity
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.01)
    assert class_means(confusion_matrix(labels, answers, 3)).sensitivity == found

"""All figures together: against scikit-learn, and what is said where something is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics
from scipy.special import softmax
from sklearn.metrics import (
    accuracy_score,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from core.classes import CLASSES
from core.evaluation.metrics import (
    calibration,
    card_score,
    class_means,
    class_rates,
    confusion_matrix,
    figures_of,
    fit_temperature,
)
from tests.support.answers import from_logits, made_up


def test_figures_equal_scikit_learns() -> None:
    answers = made_up()
    found = figures_of(answers, "made up", temperature=1.7)
    shares = softmax(answers.logits / 1.7, axis=1)
    assert found.accuracy.value == pytest.approx(accuracy_score(answers.labels, answers.predicted))
    assert found.macro_auc.value == pytest.approx(roc_auc_score(answers.labels, shares, multi_class="ovr"))
    assert found.macro_auc.low < found.macro_auc.value < found.macro_auc.high
    for number, curve in enumerate(found.roc):
        assert curve.auc.value == pytest.approx(roc_auc_score(answers.labels == number, shares[:, number]))
    assert np.sum(found.confusion) == found.images == 300
    assert np.sum(found.confusion_rates, axis=1) == pytest.approx(np.ones(5))
    assert found.notes == ()


def test_the_macro_interval_equals_a_bootstrap() -> None:
    answers = made_up(400, skill=1.0)
    found = figures_of(answers, "made up").macro_auc
    random, drawn = np.random.default_rng(2), []
    odds = np.log(softmax(answers.logits, axis=1)) - np.log1p(-softmax(answers.logits, axis=1))
    for _ in range(250):
        rows = random.integers(0, 400, 400)
        drawn.append(np.mean([roc_auc_score(answers.labels[rows] == k, odds[rows, k]) for k in range(5)]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.014)


def test_two_classes_and_full_certainty_work() -> None:
    logits = np.array([[900.0, -900.0], [800.0, -900.0], [-900.0, 900.0]])
    found = figures_of(from_logits(np.array([0, 0, 1]), logits, ("benign", "blast")), "two")
    assert found.accuracy.value == 1 and found.roc[0].auc.value == 1 and found.roc[1].auc.value == 1
    assert found.calibration.ece == pytest.approx(0)


def test_what_is_missing_is_none_and_told() -> None:
    labels = np.array([0] * 12 + [1] * 11 + [2] * 3)
    logits = np.eye(5)[np.array([0] * 12 + [0] * 11 + [2] * 3)] * 3.0
    found = figures_of(from_logits(labels, logits, CLASSES), "some")
    text = json.dumps(found.model_dump(mode="json"), allow_nan=False)
    assert json.loads(text)["per_class"][4]["sensitivity"]["value"] is None
    assert found.roc[3].auc.value is None and found.confusion_rates[4] == (None,) * 5
    told = " ".join(found.notes)
    assert "no monocyte and neutrophil" in told and "lymphocyte (3)" in told
    assert "Never named by the model, and so without a precision: eosinophil." in told
    assert found.macro.classes == 2


NAMES = ("a", "b", "c")


def test_rates_of_each_class_equal_scikit_learns() -> None:
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


def slow(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """The definition, bin by bin: answers with (b-1)/B < confidence <= b/B."""
    total = 0.0
    for b in range(1, bins + 1):
        inside = (confidence > (b - 1) / bins) & (confidence <= b / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def test_equals_the_definition() -> None:
    random = np.random.default_rng(0)
    confidence, right = random.random(1000), random.random(1000) < 0.6
    found = calibration(confidence, right)
    assert found.ece == pytest.approx(slow(confidence, right, 15))
    assert sum(row.images for row in found.bins) == 1000 and len(found.bins) == 15


def test_full_confidence_falls_into_the_last_bin() -> None:
    """Confidences 1.0 and 0.95, one of them right: one bin, |0.5 - 0.975|. A bin of its own for 1.0 gives 0.525."""
    found = calibration(np.array([1.0, 0.95]), np.array([False, True]), bins=10)
    assert found.ece == pytest.approx(0.475)
    assert found.bins[-1].images == 2 and found.bins[-1].high == 1


def test_edges_belong_to_the_lower_bin_and_no_images_give_no_error() -> None:
    found = calibration(np.array([0.5, 0.25]), np.array([True, False]), bins=4)
    assert [row.images for row in found.bins] == [1, 1, 0, 0] and found.bins[3].accuracy is None
    assert calibration(np.zeros(0), np.zeros(0, dtype=bool)).ece is None


def test_a_cards_score_equals_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, answers = random.integers(0, 4, 500), random.integers(0, 4, 500)
    assert np.array_equal(confusion_matrix(labels, answers, 4), sklearn.metrics.confusion_matrix(labels, answers))
    figures = card_score("made up", labels, answers, "abcd")
    assert figures.accuracy == pytest.approx(accuracy_score(labels, answers))
    assert figures.mean_recall == pytest.approx(recall_score(labels, answers, average="macro"))
    assert list(figures.recall.values()) == pytest.approx(list(recall_score(labels, answers, average=None)))


def test_without_ten_images_a_class_there_is_no_mean() -> None:
    figures = card_score("made up", np.array([0, 1]), np.array([0, 1]), "ab")
    assert figures.accuracy == 1 and figures.mean_recall is None


def test_classes_under_ten_images_do_not_count_in_the_mean() -> None:
    labels = np.array([0] * 20 + [1] * 10 + [2] * 9)
    answers = np.array([0] * 20 + [1] * 5 + [0] * 5 + [0] * 9)
    figures = card_score("made up", labels, answers, "abc")
    assert figures.mean_recall == pytest.approx(0.75)
    assert figures.recall["c"] == 0 and figures.counts == {"a": 20, "b": 10, "c": 9}


def test_temperature_finds_the_scale_of_overconfident_logits() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(20000, 5)) * 1.5
    labels = np.array([random.choice(5, p=row) for row in softmax(honest, axis=1)])
    assert fit_temperature(honest * 3, labels) == pytest.approx(3, rel=0.05)


def test_temperature_stays_between_its_bounds_whatever_the_answers() -> None:
    logits = np.eye(5)[[0, 1, 2]] * 5.0
    assert fit_temperature(logits, np.array([0, 1, 2])) == pytest.approx(0.2, rel=1e-3)  # all right
    assert fit_temperature(logits, np.array([1, 2, 0])) == pytest.approx(10, rel=1e-3)  # all wrong

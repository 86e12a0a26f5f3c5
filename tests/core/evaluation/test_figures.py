"""All figures together: against scikit-learn, and what is said where something is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, roc_auc_score

from core.classes import CLASSES
from core.evaluation.metrics import figures_of
from tests.core.evaluation.answer_toys import from_logits, made_up


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

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from core.evaluation.metrics import card_score
from core.evaluation.metrics import confusion_matrix as ours


def test_figures_equal_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, answers = random.integers(0, 4, 500), random.integers(0, 4, 500)
    assert np.array_equal(ours(labels, answers, 4), confusion_matrix(labels, answers))
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

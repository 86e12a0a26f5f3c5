"""Charts and areas of a model, agreement beyond chance, and how models differ: against scikit-learn and counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from core.audit.between import Pair, between_step, differing_cells
from core.audit.discrimination import MOST_POINTS, beyond_chance, told_apart
from core.audit.steps import performance_step
from core.audit.subject import AuditedModel, AuditedSet
from core.classes import CLASSES
from tests.support.answers import made_up
from tests.support.audited import model_of


@pytest.fixture
def models(tmp_path: Path) -> list[AuditedModel]:
    """Three models on the same 400 images, the second unsure, the third of another seed."""
    answers = made_up(400, skill=2.0, seed=0)
    own = replace(model_of(tmp_path, answers.logits, answers.labels), name="first", answers=answers)
    found = [own]
    for seed, name in ((1, "second"), (2, "third")):
        logits = np.random.default_rng(seed).normal(size=(400, 5)) + 2.0 * np.eye(5)[answers.labels]
        found.append(replace(own, name=name, answers=replace(answers, logits=logits, predicted=logits.argmax(axis=1))))
    return found


def test_each_class_has_its_lines_and_areas(models: list[AuditedModel]) -> None:
    (curve, recall), table = told_apart(models[0])
    answers, chances = models[0].answers, models[0].probabilities
    assert [line.name for line in curve.lines] == [row[0] for row in table.rows] == list(CLASSES)
    for number, (line, other, row) in enumerate(zip(curve.lines, recall.lines, table.rows, strict=True)):
        positive = answers.labels == number
        assert len(line.x) <= MOST_POINTS and len(other.x) <= MOST_POINTS
        assert (line.x[0], line.y[0], line.x[-1], line.y[-1]) == (0, 0, 1, 1) and other.x[-1] == 1
        area = roc_auc_score(positive, chances[:, number])
        assert np.trapezoid(line.y, line.x) == pytest.approx(area, abs=0.01)  # of the points that are shown
        assert row[2].startswith(f"{area:.3f} (")
        assert row[3].startswith(f"{average_precision_score(positive, chances[:, number]):.3f} (")
        assert row[4] == f"{positive.mean():.3f}"
    assert curve.diagonal_name == "by chance" and not recall.diagonal


def test_a_class_that_is_missing_or_alone_has_no_line(models: list[AuditedModel]) -> None:
    answers = models[0].answers
    without = replace(models[0], answers=answers.kept(answers.labels != 2))
    (curve, _), table = told_apart(without)
    assert [line.name for line in curve.lines] == [row[0] for row in table.rows] == [*CLASSES[:2], *CLASSES[3:]]
    alone = replace(models[0], answers=answers.kept(answers.labels == 2))
    charts, table = told_apart(alone)
    assert charts == () and table.rows == ()
    assert performance_step([alone], AuditedSet("one class")).charts == ()


def test_kappa_and_mean_recall_are_scikit_learns(models: list[AuditedModel]) -> None:
    answers = models[0].answers
    found = {one.key: one for one in performance_step(models[:1], AuditedSet("made up")).findings}
    assert found["kappa"].figure == pytest.approx(cohen_kappa_score(answers.labels, answers.predicted))
    assert found["mean_recall"].figure == pytest.approx(balanced_accuracy_score(answers.labels, answers.predicted))
    assert found["kappa"].low < found["kappa"].figure < found["kappa"].high


def test_slides_drawn_anew_widen_both(models: list[AuditedModel]) -> None:
    """All answers of half the slides are wrong: 400 images know less than they seem to."""
    answers = models[0].answers
    slides = np.arange(400) // 40
    predicted = np.where(slides % 2, answers.labels, (answers.labels + 1) % 5)
    model = replace(models[0], answers=replace(answers, predicted=predicted))
    pictures = pd.DataFrame({"image": answers.images, "group": [f"slide {slide}" for slide in slides]})
    ends = {}
    for name, data in (("plain", AuditedSet("s")), ("slides", AuditedSet("s", pictures))):
        kappa, recall = beyond_chance(model, data), performance_step([model], data).findings[1]
        assert kappa and recall.key == "mean_recall" and recall.figure == pytest.approx(0.5, abs=0.05)
        ends[name] = (kappa.high - kappa.low, recall.high - recall.low)
    assert all(wide > 2 * narrow for wide, narrow in zip(ends["slides"], ends["plain"], strict=True))


def test_pairs_have_a_kappa_and_all_an_alpha(models: list[AuditedModel]) -> None:
    result = between_step(models, AuditedSet("made up"))
    kappas = [row[-1] for row in result.tables[0].rows]
    for (one, other), told in zip(((0, 1), (0, 2), (1, 2)), kappas, strict=True):
        expected = cohen_kappa_score(models[one].answers.predicted, models[other].answers.predicted)
        assert told.startswith(f"{expected:.3f} (")
    alpha = next(one for one in result.findings if one.key == "alpha")
    ratings = np.array([model.answers.predicted for model in models])
    agree = np.mean([[(a == b).mean() for b in ratings] for a in ratings]) * 9 / 6 - 3 / 6  # of two unlike raters
    shares = np.bincount(ratings.ravel()) / ratings.size
    chance = (ratings.size * (shares**2).sum() - 1) / (ratings.size - 1)
    assert alpha.figure == pytest.approx((agree - chance) / (1 - chance)) and alpha.of == 400
    assert "among the 3 models" in alpha.sentence and "with the labels as one more" in alpha.sentence


def test_the_cells_that_differ_most_are_named_with_their_images(tmp_path: Path) -> None:
    labels = np.array([0] * 10 + [1] * 10)
    first, second = labels.copy(), labels.copy()
    first[[0, 1, 2, 3]] = 1
    second[[4]], second[[12, 13]] = 1, 0
    one = model_of(tmp_path, np.eye(5)[first], labels)
    other = replace(one, name="other", answers=replace(one.answers, predicted=second))
    table = differing_cells(Pair(one, other))
    assert table.heads[2:4] == ("made-up", "other")
    assert table.rows[0] == (CLASSES[0], CLASSES[0], "6", "9", "0.png, 1.png, 2.png, … (5)")
    assert table.rows[1] == (CLASSES[0], CLASSES[1], "4", "1", "0.png, 1.png, 2.png, … (5)")
    assert ("2", "12.png, 13.png (2)") in {row[3:] for row in table.rows} and len(table.rows) == 4
    assert not differing_cells(Pair(one, one)).rows


def test_cells_of_one_photograph_are_counted_each(tmp_path: Path) -> None:
    """Two cells of one class in one photograph: what was said of the first is not what was said of the second."""
    labels = np.array([0, 0, 1])
    one = model_of(tmp_path, np.eye(5)[[0, 1, 1]], labels)
    one = replace(one, answers=replace(one.answers, images=("field.png", "field.png", "field.png")))
    other = replace(one, name="other", answers=replace(one.answers, predicted=np.array([1, 1, 1])))
    pair = Pair(one, other)
    assert [(said.first, said.second) for said in pair.said] == [
        (CLASSES[0], CLASSES[1]), (CLASSES[1], CLASSES[1]), (CLASSES[1], CLASSES[1])
    ]  # fmt: skip
    assert pair.right[0].tolist() == [True, False, True] and pair.right[1].tolist() == [False, False, True]


def test_models_that_share_no_image_have_nothing_to_agree_on(models: list[AuditedModel]) -> None:
    answers = models[1].answers
    apart = replace(models[1], answers=replace(answers, images=tuple(f"other/{name}" for name in answers.images)))
    result = between_step([models[0], apart], AuditedSet("made up"))
    assert [one.key for one in result.findings] == ["first-second"] and result.tables[0].rows[0][2] == "0"

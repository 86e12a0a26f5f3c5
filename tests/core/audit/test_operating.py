"""Thresholds, abstention and net benefit against their definitions written slowly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.audit.operating import (
    Wanted,
    chosen_half,
    net_benefit,
    operating_step,
    risk_coverage,
    threshold_for,
)
from core.audit.subject import AuditedSet
from core.classes import CLASSES
from core.evaluation.predictions import Answers
from tests.support.audited import model_of


@pytest.mark.parametrize("sensitivity", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_a_threshold_is_the_highest_that_reaches_the_sensitivity(sensitivity: float) -> None:
    random = np.random.default_rng(3)
    scores, positive = random.random(60), random.random(60) < 0.4
    limit = threshold_for(scores, positive, sensitivity)
    reached = {score: (scores[positive] >= score).mean() for score in scores[positive]}
    assert limit == max(score for score, share in reached.items() if share >= sensitivity)


def test_risk_and_coverage_are_counted() -> None:
    sureness = np.array([0.9, 0.6, 0.8, 0.8, 0.5])
    right = np.array([True, False, True, False, True])
    coverage, risk = risk_coverage(sureness, right)
    assert coverage.tolist() == [0.2, 0.6, 0.6, 0.8, 1.0]
    assert risk == pytest.approx([0, 1 / 3, 1 / 3, 1 / 2, 2 / 5])
    for share, wrong in zip(coverage, risk, strict=True):
        limit = np.sort(sureness)[::-1][round(share * 5) - 1]
        given = sureness >= limit
        assert given.mean() == pytest.approx(share) and (~right[given]).mean() == pytest.approx(wrong)


def test_net_benefit_is_that_of_the_paper() -> None:
    """Acting on all: prevalence less the rest at the threshold's odds; a perfect model: prevalence."""
    positive = np.array([True] * 3 + [False] * 7)
    assert net_benefit(np.ones(10), positive, 0.2) == pytest.approx(0.3 - 0.7 * 0.25)
    assert net_benefit(positive.astype(float), positive, 0.2) == pytest.approx(0.3)
    assert net_benefit(np.zeros(10), positive, 0.2) == 0


def test_halves_keep_slides_together_and_classes_apart() -> None:
    labels = np.repeat([0, 1], [31, 9])
    chosen = chosen_half(labels, None)
    assert chosen[labels == 0].sum() == 15 and chosen[labels == 1].sum() == 4
    slides = [f"slide {number // 5}" for number in range(40)]
    chosen = chosen_half(labels, slides)
    sides = {slide: {bool(chosen[k]) for k in range(40) if slides[k] == slide} for slide in slides}
    assert all(len(side) == 1 for side in sides.values()) and chosen.sum() == 20


def test_a_model_that_knows_when_it_is_wrong_gives_what_it_can(tmp_path: Path) -> None:
    """Four of five answers are sure and right, the fifth is unsure and wrong: coverage 0.8 at no risk."""
    labels = np.arange(200) % 5
    right = np.arange(200) // 5 % 5 != 0
    logits = np.where(right[:, None], 6.0, 1.0) * np.eye(5)[np.where(right, labels, (labels + 1) % 5)]
    result = operating_step([model_of(tmp_path, logits, labels)], AuditedSet("made up"), Wanted())
    (finding,) = result.findings
    assert finding.status == "passed" and finding.figure == pytest.approx(0.8, abs=0.08)
    assert result.measures["made-up"]["coverage"] == finding.figure
    assert result.charts[0].lines[0].y[-1] == pytest.approx(0.2)
    limits = next(table for table in result.tables if "thresholds" in table.title)
    assert {row[0] for row in limits.rows} == set(CLASSES)


def test_a_model_that_is_wrong_where_it_is_surest_fails(tmp_path: Path) -> None:
    labels = np.arange(200) % 5
    wrong = np.arange(200) // 5 % 5 == 0
    logits = np.where(wrong[:, None], 9.0, 2.0) * np.eye(5)[np.where(wrong, (labels + 1) % 5, labels)]
    (finding,) = operating_step([model_of(tmp_path, logits, labels)], AuditedSet("made up"), Wanted()).findings
    assert finding.status == "failed" and "Even its surest answers" in finding.sentence


def test_three_images_are_too_few(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2])
    (finding,) = operating_step(
        [model_of(tmp_path, np.eye(5)[labels], labels)], AuditedSet("made up"), Wanted()
    ).findings
    assert finding.status == "not run"


def test_thresholds_come_from_the_images_to_choose_on_where_there_are_such(tmp_path: Path) -> None:
    """The audited answers are all surer: a threshold that was chosen elsewhere calls every one of them."""
    random = np.random.default_rng(1)
    labels = np.arange(200) % 5
    model = model_of(tmp_path, 9 * np.eye(5)[labels] + random.normal(0, 0.1, (200, 5)), labels)
    unsure = 3 * np.eye(5)[labels] + random.normal(0, 0.5, (200, 5))
    choosing = Answers(CLASSES, tuple(map(str, range(200))), labels, unsure.argmax(axis=1), unsure)
    model = replace(model, choosing=choosing)
    result = operating_step([model], AuditedSet("made up"), Wanted(sensitivity=0.9))
    rows = {row[0]: row for row in result.tables[0].rows}
    scores = choosing.probabilities(model.card.temperature)
    for place, name in enumerate(CLASSES):
        limit = threshold_for(scores[:, place], labels == place, 0.9)
        assert rows[name][1] == f"{limit:.3f}" and rows[name][2].startswith("100.0 %")
    assert "Chosen on the images to choose on" in result.tables[0].note

"""Stability over seeds: the mean of all pairs, written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.explanation.engine import explain
from core.explanation.methods.registry import METHODS
from core.explanation.quality.scoring import ScoringTask
from core.explanation.quality.stability import mean_similarity
from tests.support.made_up_methods import dice, made_up
from tests.support.quadrants import LABEL, conv_classifier, quadrant_scene


def stability(name: str, samples: int | None) -> tuple[float | None, str]:
    classifier, context = conv_classifier(), quadrant_scene()
    settings = {} if samples is None else {name: {"samples": samples}}
    explanation = explain(classifier, context, [name], settings=settings, precision="float32")[name]
    task = ScoringTask(classifier, context, explanation, LABEL, ["stability"])
    while not task.done:
        task.advance()
    (row,) = task.scoring().rows
    assert row.controls["edges"] == row.controls["centre"] == 1.0 and abs(row.controls["random"]) < 0.6  # type: ignore[arg-type]
    return row.value, row.sentence


def test_it_is_the_mean_of_the_pairs_and_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "dice", made_up("dice", dice))
    value, sentence = stability("dice", 300)
    classifier, context = conv_classifier(), quadrant_scene()
    drawn = [
        explain(classifier, context, ["dice"], settings={"dice": {"samples": 128}}, seed=seed, precision="float32")
        for seed in range(3)
    ]
    maps = [each["dice"].map_of(LABEL).ravel() for each in drawn]
    pairs = [spearmanr(maps[one], maps[other]).statistic for one, other in ((0, 1), (0, 2), (1, 2))]
    assert value == pytest.approx(np.mean(pairs), abs=1e-9)
    assert "at 128 evaluations" in sentence and "rests on 300" in sentence


def test_more_samples_are_steadier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "dice", made_up("dice", dice))
    few, many = stability("dice", 2)[0], stability("dice", 100)[0]
    assert few is not None and many is not None and few < 0.3 and many > 0.8


def test_a_method_without_seed_says_so() -> None:
    value, sentence = stability("gradcam", None)
    assert value is None and "does not depend on a seed" in sentence


def test_a_constant_map_has_no_likeness() -> None:
    assert mean_similarity([np.zeros((4, 4), np.float32)] * 3) is None

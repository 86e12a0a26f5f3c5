"""Scores on a model whose truth is known, beside the control maps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.quality.control_maps import CONTROLS
from core.explanation.quality.scores import SCORES, ScoreRow, Scoring, quality_score
from core.explanation.quality.scoring import ScoringTask
from tests.support.quadrants import (
    HALF,
    LABEL,
    SIDE,
    explanation_of_map,
    quadrant,
    quadrant_classifier,
    quadrant_scene,
)


def scoring_of(values: np.ndarray, context: ImageContext | None = None, scores: list[str] | None = None) -> Scoring:
    classifier, where = quadrant_classifier(), context or quadrant_scene()
    explanation = explanation_of_map(classifier, where, values, signed=bool(values.min() < 0))
    task = ScoringTask(classifier, where, explanation, LABEL, scores, baseline="mean")
    while not task.done:
        task.advance()
    assert task.evaluations in (task.budget, 0)
    return task.scoring()


def rows_of(scoring: Scoring) -> dict[str, ScoreRow]:
    return {row.score: row for row in scoring.rows}


TRUTH = quadrant(0, 0).astype(np.float32)
WRONG = quadrant(1, 1).astype(np.float32)


@pytest.mark.parametrize("signed", [False, True])
def test_the_truth_beats_every_control(signed: bool) -> None:
    rows = rows_of(scoring_of(TRUTH - 0.5 if signed else TRUTH))
    for name in ("deletion", "insertion", "road"):
        row, sign = rows[name], -1 if name == "deletion" else 1
        assert row.value is not None and "no better" not in row.sentence.lower(), row.sentence
        for control in CONTROLS:
            assert sign * (row.value - row.controls[control]) > SCORES[name].margin  # type: ignore[operator]


def test_the_wrong_quadrant_loses_to_a_centred_blob_and_it_is_said() -> None:
    right, wrong = rows_of(scoring_of(TRUTH)), rows_of(scoring_of(WRONG))
    for name in ("deletion", "insertion", "road"):
        sign = -1 if name == "deletion" else 1
        assert sign * (right[name].value - wrong[name].value) > 0.2  # type: ignore[operator]
        assert "no better than" in wrong[name].sentence.lower() and "a centred blob" in wrong[name].sentence
        assert "a centred blob" not in wrong[name].sentence.lower().partition("no better than")[0]


def test_where_the_evidence_lies_is_told_against_the_given_mask() -> None:
    scoring = scoring_of(TRUTH)
    right, wrong = rows_of(scoring), rows_of(scoring_of(WRONG))
    assert scoring.mask == "given" and "given outline" in right["relevance-cell"].sentence
    for name, expected in (("relevance-cell", 1.0), ("relevance-background", 0.0), ("pointing-cell", 1.0)):
        assert right[name].value == expected and wrong[name].value == 1 - expected
    assert right["relevance-cell"].chance == right["pointing-cell"].chance == 0.25
    assert right["relevance-background"].chance == 0.75
    assert right["pointing-nucleus"].value is None  # noise has no nucleus
    blob = np.exp(-(((np.arange(SIDE) - 31.5) / (0.2 * SIDE)) ** 2) / 2)
    share = np.outer(blob, blob)[:HALF, :HALF].sum() / np.outer(blob, blob).sum()
    assert right["relevance-cell"].controls["centre"] == pytest.approx(share, rel=1e-4)


def test_without_a_cell_the_scores_that_need_one_say_so() -> None:
    context = ImageContext(np.full((SIDE, SIDE, 3), 128, np.uint8))
    scoring = scoring_of(TRUTH, context)
    assert scoring.mask == "not found"
    for row in scoring.rows:
        assert (row.value is None and "No cell was found" in row.sentence) == SCORES[row.score].needs_mask or (
            row.score == "stability"
        )
    assert rows_of(scoring)["deletion"].controls["edges"] is None  # an even picture has no edges


@pytest.mark.parametrize("values", [np.zeros((SIDE, SIDE)), -TRUTH])
def test_no_positive_evidence_has_no_score(values: np.ndarray) -> None:
    for row in scoring_of(values).rows:
        if row.score == "sparseness" and values.any():
            continue
        assert row.value is None
        assert "positive evidence" in row.sentence or row.score in (
            "stability",
            "pointing-nucleus",
            "relevance-nucleus",
        )


def test_a_flat_map_ranks_nothing() -> None:
    rows = rows_of(scoring_of(np.ones((SIDE, SIDE))))
    assert rows["deletion"].value is None and "the same everywhere" in rows["deletion"].sentence
    assert rows["relevance-cell"].value == pytest.approx(0.25)
    assert rows["sparseness"].value == pytest.approx(0.0)


def test_scores_come_one_by_one_in_small_steps_and_as_json() -> None:
    classifier, context = quadrant_classifier(), quadrant_scene()
    task = ScoringTask(classifier, context, explanation_of_map(classifier, context, TRUTH), LABEL, precision="float32")
    seen = []
    while not task.done:
        before = task.evaluations
        task.advance()
        assert task.evaluations - before <= 3
        seen.append(len(task.scoring().rows))
    assert seen == sorted(seen) and len(set(seen)) > 3 and seen[-1] == len(SCORES)
    document = json.loads(json.dumps(task.scoring().document()))
    assert [row["score"] for row in document["rows"]] == list(SCORES)
    assert len(document["curves"]) == 16 and document["baseline"] == "blur"
    task.advance()
    assert task.done


def test_a_faint_class_is_called_faint() -> None:
    classifier, context = quadrant_classifier(), quadrant_scene()
    task = ScoringTask(
        classifier, context, explanation_of_map(classifier, context, TRUTH), "dark", ["deletion"], 0, "float32", "mean"
    )
    while not task.done:
        task.advance()
    assert "says little" in task.scoring().rows[0].sentence


def test_what_does_not_belong_together_is_refused() -> None:
    classifier, context = quadrant_classifier(), quadrant_scene()
    explanation = explanation_of_map(classifier, context, TRUTH)
    with pytest.raises(InputError, match="no class 'blast'"):
        ScoringTask(classifier, context, explanation, "blast")
    with pytest.raises(InputError, match="Known: deletion"):
        ScoringTask(classifier, context, explanation, LABEL, ["beauty"])
    with pytest.raises(InputError, match="64"):
        ScoringTask(classifier, context, explanation_of_map(classifier, context, np.ones((9, 9))), LABEL)
    with pytest.raises(InputError, match="No precision"):
        ScoringTask(classifier, context, explanation, LABEL, precision="float8")


@pytest.mark.parametrize("name", SCORES)
def test_every_score_says_what_it_is(name: str) -> None:
    entry = quality_score(name)
    assert entry.title and len(entry.help) > 60 and "20" in entry.paper and entry.margin > 0
    assert entry.unit in ("probability", "share", "index") and entry.better in ("higher", "lower", "")

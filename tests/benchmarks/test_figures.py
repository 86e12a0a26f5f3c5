"""What the benchmarks compute from their measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.explain.upstream import BenchmarkRow, fidelity, first_as_faithful, lowest_correlation, total
from benchmarks.precision import PrecisionCorrelations, write
from core.models.card import read_card
from core.models.checkpoints import load_classifier
from tests.support.tiny_models import make_model


def test_a_total_adds_seconds_up_and_keeps_the_lowest_parity() -> None:
    rows = [BenchmarkRow("case", "a", 1.0, 10.0, 0.99, 0.5), BenchmarkRow("case", "b", 3.0, 6.0, 0.97, 1.5)]
    assert total(rows).document() == {
        "case": "case",
        "model": "all",
        "ours_s": 4.0,
        "upstream_s": 16.0,
        "ratio": 4.0,
        "parity": 0.97,
        "floor_s": 2.0,
        "note": "",
    }
    assert total([BenchmarkRow("case", "a", 1.0, None), rows[0]]).ratio is None


def test_the_lowest_correlation_leaves_constant_maps_out() -> None:
    ours = np.array([[1.0, 2, 3], [0, 0, 0], [1, 2, 4]])
    theirs = np.array([[2.0, 4, 6], [1, 2, 3], [4, 2, 1]])
    assert lowest_correlation(ours, theirs) == pytest.approx(np.corrcoef([1, 2, 4], [4, 2, 1])[0, 1])


def test_fidelity_is_the_mean_rank_correlation_of_the_classes_that_say_anything() -> None:
    reference = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1], [1e-3, -1e-3, 2e-3, 0]])
    values = np.array([[1.0, 20, 300, 4000], [1, 2, 3, 4], [5, 6, 7, 8]])
    assert fidelity(values, reference) == pytest.approx((1 - 1) / 2)


class Sharpening:
    """Ranks right in its first `evaluations` places, the rest upside down."""

    def __init__(self) -> None:
        self.budget, self.evaluations = 4, 0

    @property
    def done(self) -> bool:
        return self.evaluations >= self.budget

    def advance(self) -> None:
        self.evaluations += 1


def test_the_least_budget_that_is_as_faithful_is_found() -> None:
    reference = np.arange(100.0)[None]

    def values(estimator: Any) -> np.ndarray:
        known = min(estimator.evaluations, 100)
        return np.concatenate([reference[0, :known], reference[0, known:][::-1]])[None]

    wanted = fidelity(values(type("At", (), {"evaluations": 40})), reference)
    found = first_as_faithful([Sharpening(), Sharpening()], values, reference, wanted, 1000)  # type: ignore[list-item]
    assert found is not None and 40 <= found[0] <= 44 and found[1] >= wanted
    assert first_as_faithful([Sharpening()], values, reference, 0.999, 50) is None  # type: ignore[list-item]


def test_figures_go_into_the_card_and_leave_the_rest(tmp_path: Path) -> None:
    make_model(tmp_path, "model", card={"bfloat16": {"masks": 0.5}})
    before = read_card(tmp_path / "model" / "card.json")
    write(tmp_path / "model", {"gradients": 0.987654})
    after = read_card(tmp_path / "model" / "card.json")
    assert after.bfloat16 == {"masks": 0.5, "gradients": 0.9877}
    assert after.model_copy(update={"bfloat16": {}}) == before.model_copy(update={"bfloat16": {}})
    assert [path.name for path in (tmp_path / "model").glob("card*")] == ["card.json"]
    assert load_classifier(tmp_path / "model").card == after


def test_an_agreement_is_its_worst_map() -> None:
    found = PrecisionCorrelations("m", "masks", {("c", "lime", "x"): 0.999, ("c", "lime", "y"): 0.98}, 3)
    assert found.lowest == 0.98 and found.document()["worst"] == "c lime y" and found.document()["left_out"] == 3

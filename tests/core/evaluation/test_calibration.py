from __future__ import annotations

import numpy as np
import pytest

from core.evaluation.metrics import calibration


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

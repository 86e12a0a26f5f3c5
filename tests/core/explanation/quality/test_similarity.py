"""Tests of similarity."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation, explain
from core.explanation.quality.similarity import gini, map_ssim, pointing, positive_share, similarity_matrix, spearman
from tests.support.quadrants import LABEL, conv_classifier, quadrant_scene


def noise(seed: int, side: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)


def test_gini_is_half_the_relative_mean_difference() -> None:
    values = noise(0)
    sizes = np.abs(values.astype(np.float64)).ravel()
    pairs = sum(abs(one - other) for one in sizes for other in sizes)
    assert gini(values) == pytest.approx(pairs / (2 * sizes.size**2 * sizes.mean()), abs=1e-9)


def test_gini_of_even_and_of_single_evidence() -> None:
    single = np.zeros((10, 10), np.float32)
    assert gini(single) is None
    single[3, 4] = -2
    assert gini(single) == pytest.approx(0.99)
    assert gini(np.ones((10, 10), np.float32)) == pytest.approx(0.0)


def test_the_share_counts_positive_evidence_alone() -> None:
    values, inside = noise(1), noise(2) > 0
    within = total = 0.0
    for row in range(12):
        for column in range(12):
            if values[row, column] > 0:
                total += values[row, column]
                within += values[row, column] if inside[row, column] else 0
    assert positive_share(values, inside) == pytest.approx(within / total, rel=1e-5)
    assert positive_share(-np.abs(values), inside) is None


def test_pointing_asks_where_the_maximum_is_and_shares_a_flat_one() -> None:
    values, inside = np.zeros((6, 6), np.float32), np.zeros((6, 6), bool)
    inside[:3] = True
    assert pointing(values, inside) is None
    values[1, 1] = 2
    assert pointing(values, inside) == 1.0
    values[5, 5] = 3
    assert pointing(values, inside) == 0.0
    values[4:, 0] = values[0, 0] = 3
    assert pointing(values, inside) == 0.25


def test_rank_correlation_is_scipys_ties_included() -> None:
    one, other = np.maximum(noise(3), 0), np.round(noise(4), 1)
    assert spearman(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-12)
    assert spearman(one, np.ones_like(one)) is None


def test_structure_is_the_same_whatever_the_scale() -> None:
    one = noise(5, 32)
    assert map_ssim(one, 7 * one) == pytest.approx(1.0)
    assert map_ssim(one, noise(6, 32)) < 0.2  # type: ignore[operator]
    assert map_ssim(one, np.zeros_like(one)) is None


METHODS = ["gradcam", "gradcam++", "hirescam", "layercam", "eigencam"]


@pytest.fixture(scope="module")
def maps() -> dict[str, Explanation]:
    return explain(conv_classifier(), quadrant_scene(), METHODS)


def test_methods_of_one_model(maps: dict[str, Explanation]) -> None:
    found = similarity_matrix(list(maps.values()), LABEL)
    assert found.names == ("gradcam", "gradcam++", "layercam")
    assert "the head is one mean and one linear layer" in found.left_out["hirescam"]
    assert "sign is arbitrary" in found.left_out["eigencam"]
    one, other = (maps[name].map_of(LABEL).ravel() for name in ("gradcam", "layercam"))
    assert found.matrix[0, 2] == found.matrix[2, 0] == pytest.approx(spearmanr(one, other).statistic, abs=1e-9)
    np.testing.assert_allclose(np.diag(found.matrix), 1)
    assert json.loads(json.dumps(found.document()))["names"] == ["gradcam", "gradcam++", "layercam"]


def test_models_at_a_common_side_and_with_one_picture(maps: dict[str, Explanation]) -> None:
    first = maps["gradcam"]
    rng = np.random.default_rng(0)
    large = rng.random((3, 128, 128)).astype(np.float32)
    view = cv2.resize(first.view, (128, 128), interpolation=cv2.INTER_LINEAR)
    second = replace(first, model="large", values=large, view=view)
    other = replace(first, model="elsewhere", view=rng.integers(0, 256, first.view.shape, dtype=np.uint8))
    found = similarity_matrix([first, second, other], LABEL)
    assert found.names == ("conv", "large") and "another picture than conv" in found.left_out["elsewhere"]
    halved = large[0].reshape(64, 2, 64, 2).mean((1, 3)).ravel()
    expected = spearmanr(first.map_of(LABEL).ravel(), halved).statistic
    assert found.matrix[0, 1] == pytest.approx(expected, abs=1e-4)


def test_the_same_map_of_two_models_is_no_reason_to_leave_it_out(maps: dict[str, Explanation]) -> None:
    first = maps["gradcam"]
    found = similarity_matrix([first, replace(first, model="copy")], LABEL)
    assert found.names == ("conv", "copy") and found.matrix[0, 1] == pytest.approx(1)


def test_flat_maps_and_missing_classes_are_left_out(maps: dict[str, Explanation]) -> None:
    first = maps["gradcam"]
    flat = replace(first, model="flat", values=np.zeros_like(first.values))
    without = replace(first, model="without", classes=("a", "b", "c"))
    found = similarity_matrix([flat, first, without], LABEL)
    assert found.names == ("conv",) and found.matrix.shape == (1, 1)
    assert "the same everywhere" in found.left_out["flat"] and "no map of bright" in found.left_out["without"]
    assert similarity_matrix([flat], LABEL).matrix.shape == (0, 0)


def test_real_models_of_two_sides_see_one_picture() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    context = ImageContext(rgb)
    one = explain(conv_classifier(), context, ["gradcam"])["gradcam"]
    views = [replace(one, model=f"at {side}", view=context.picture(side)) for side in (64, 120, 224)]
    assert len(similarity_matrix(views, LABEL).names) == 3

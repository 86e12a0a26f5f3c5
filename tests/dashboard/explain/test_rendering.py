"""How maps are coloured: scales that say what they are, borders that can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.explanation.engine import Explanation
from core.explanation.method import Regions
from core.explanation.render import YELLOW, by_pixel, signed_overlay
from core.explanation.wording import largest_values, uncertainty_text
from dashboard.explain.rendering import Look, emphasised, picture_of

SIDE = 40
PLAIN = Look("cividis", "blue-red", 0.5, False)


def explanation(native: np.ndarray, signed: bool = True, **more: object) -> Explanation:
    values = native if native.shape[1:] == (SIDE, SIDE) else np.zeros((len(native), SIDE, SIDE), np.float32)
    view = np.full((SIDE, SIDE, 3), 200, np.uint8)
    names = ("a", "b", "c")[: len(native)]
    return Explanation("model", "shap", names, values, native, view, signed, "logit", **more)  # type: ignore[arg-type]


def spiked(height: float) -> np.ndarray:
    """A map of small values with one outlier."""
    native = np.random.default_rng(0).normal(0, 1, (2, SIDE, SIDE)).astype(np.float32)
    native[0, 3, 3] = height
    return native


def test_one_pixel_does_not_outshine_a_map_by_pixel() -> None:
    found = explanation(spiked(1000.0))
    assert by_pixel(found)
    top = float(np.quantile(np.abs(found.values[0]), 0.99))
    assert top < 4
    expected = signed_overlay(found.view, found.values[0], 0.5, "blue-red", top)
    assert np.array_equal(picture_of(found, "a", PLAIN), expected)
    assert not np.array_equal(expected, signed_overlay(found.view, found.values[0], 0.5, "blue-red"))


def test_maps_of_superpixels_keep_their_whole_range() -> None:
    regions = Regions(np.zeros((SIDE, SIDE), np.int32), np.ones((2, 1), np.float32), np.ones((2, 1), np.float32))
    found = explanation(spiked(50.0), regions=regions)
    assert not by_pixel(found)
    assert np.array_equal(
        picture_of(found, "a", PLAIN), signed_overlay(found.view, found.values[0], 0.5, "blue-red", 50.0)
    )


def test_a_map_of_few_values_and_a_map_of_none_are_not_stretched() -> None:
    native = np.zeros((2, SIDE, SIDE), np.float32)
    native[0, 0, 0] = -2.0
    found = explanation(native)
    expected = signed_overlay(found.view, native[0], 0.5, "blue-red", 2.0)
    assert np.array_equal(picture_of(found, "a", PLAIN), expected)
    assert np.array_equal(picture_of(found, "b", PLAIN), found.view)
    assert largest_values(found, "b") == ("no evidence",)
    assert largest_values(found, "a") == ("no positive evidence", "against 2")


def test_borders_are_widened_and_edged() -> None:
    drawn = np.full((9, 9, 3), 240, np.uint8)
    assert np.array_equal(emphasised(drawn), drawn)
    drawn[4] = YELLOW
    strong = emphasised(drawn)
    assert (strong[3:6] == YELLOW).all() and (strong[2] == 80).all() and (strong[1] == 240).all()


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("lime", {"error": np.full((2, 2, 2), 0.5, np.float32)}, "standard error 25 % of the values"),
        ("lime", {"error": np.full((2, 2, 2), np.inf, np.float32)}, "standard error not known yet"),
        ("integrated-gradients", {"gap": np.array([0.01, -0.034], np.float32)}, "completeness gap 3.4 %"),
        ("shap-kernel", {"gap": np.zeros(2, np.float32)}, "too few samples yet to tell the standard error"),
        ("occlusion", {}, ""),
    ],
)
def test_how_settled_a_map_is(method: str, more: dict[str, np.ndarray], said: str) -> None:
    made = explanation(np.full((2, 2, 2), 2.0, np.float32), **more)
    assert uncertainty_text(replace(made, method=method)) == said

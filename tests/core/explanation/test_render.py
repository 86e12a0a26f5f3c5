"""Maps as colours: palettes that grow evenly, scales that say what they are."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from lime.lime_image import ImageExplanation
from skimage.segmentation import mark_boundaries

from core.errors import InputError
from core.explanation.engine import Explanation, has_evidence
from core.explanation.method import Regions
from core.explanation.render import (
    DIVERGING,
    PALETTES,
    heat,
    overlay,
    own_scale,
    palette,
    picture,
    region_overlay,
    shared_scale,
    signed_heat,
    signed_overlay,
)

VIEW = np.full((8, 8, 3), 100, dtype=np.uint8)


def ramp() -> np.ndarray:
    return np.linspace(0, 2, 64, dtype=np.float32).reshape(8, 8)


@pytest.mark.parametrize("name", PALETTES)
def test_palettes_grow_steadily_lighter(name: str) -> None:
    lightness = palette(name).astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(np.convolve(lightness, np.ones(8) / 8, "valid")) > 0).all()


def test_a_shared_scale_leaves_weaker_maps_darker() -> None:
    own = heat(ramp() / 2, 1.0, "viridis")
    shared = heat(ramp() / 2, 2.0, "viridis")
    assert np.array_equal(own[-1, -1], palette("viridis")[255])
    assert np.array_equal(shared[-1, -1], palette("viridis")[128])


def test_opacity_mixes_linearly() -> None:
    full = overlay(VIEW, ramp(), opacity=1.0)
    half = overlay(VIEW, ramp(), opacity=0.5)
    assert np.abs(half - (full / 2 + 50)).max() <= 0.5
    assert np.array_equal(overlay(VIEW, ramp(), opacity=0.0), VIEW)


def test_a_map_without_evidence_is_never_stretched() -> None:
    zero = np.zeros((8, 8), dtype=np.float32)
    assert not has_evidence(zero) and has_evidence(ramp())
    assert np.array_equal(overlay(VIEW, zero, opacity=1.0), VIEW)
    assert np.array_equal(overlay(VIEW, zero, opacity=1.0, scale=3.0), VIEW)


def test_unknown_palette_is_told() -> None:
    with pytest.raises(InputError, match="Known: cividis"):
        palette("jet")


def signed() -> np.ndarray:
    return np.linspace(-1, 2, 64, dtype=np.float32).reshape(8, 8)


def explanation(values: np.ndarray, is_signed: bool, regions: Regions | None = None) -> Explanation:
    names = tuple("abcde"[: len(values)])
    return Explanation("m", "some", names, values, values, VIEW, is_signed, "logit", regions=regions)


@pytest.mark.parametrize("name", DIVERGING)
def test_diverging_palettes_are_neutral_at_0_and_darken_to_two_hues(name: str) -> None:
    colours = palette(name).astype(float)
    lightness = colours @ [0.299, 0.587, 0.114]
    assert np.ptp(colours[127:129], axis=1).max() <= 2 and lightness[127:129].min() > 240
    steps = np.diff(np.convolve(lightness, np.ones(8) / 8, "valid"))
    assert (steps[:116] > 0).all() and (steps[-116:] < 0).all()
    assert abs(lightness[0] - lightness[255]) < 60
    hues = [colorsys.rgb_to_hsv(*(colours[index] / 255))[0] for index in (40, 215)]
    assert 0.25 < abs(hues[0] - hues[1]) < 0.75


def test_red_speaks_for_and_blue_against() -> None:
    coloured = signed_heat(np.array([[-1, 0, 1]], dtype=np.float32), 1.0, "blue-red").astype(int)[0]
    assert coloured[0, 2] > coloured[0, 0] + 50 and coloured[2, 0] > coloured[2, 2] + 50
    assert np.ptp(coloured[1]) <= 2


def test_the_signed_scale_is_symmetric() -> None:
    drawn = signed_overlay(VIEW, signed(), opacity=1.0)
    assert np.array_equal(drawn[-1, -1], palette("blue-red")[255])
    assert np.array_equal(drawn[0, 0], palette("blue-red")[64])  # -1 of 2: half way down
    shared = signed_overlay(VIEW, signed(), opacity=1.0, scale=4.0)
    assert np.array_equal(shared[-1, -1], palette("blue-red")[191])
    turned = signed_overlay(VIEW, -signed(), 1.0)
    assert np.array_equal(turned[-1, -1], palette("blue-red")[0])
    assert np.array_equal(turned[0, 0], palette("blue-red")[191])


def test_a_signed_map_takes_the_stains_own_colour_out_of_the_way() -> None:
    stained = np.full((8, 8, 3), (90, 40, 160), dtype=np.uint8)
    point = np.zeros((8, 8), dtype=np.float32)
    point[0, 0] = 1
    assert np.ptp(signed_overlay(stained, point, opacity=0.5)[4, 4].astype(int)) <= 2
    assert np.array_equal(signed_overlay(stained, point, opacity=0.0), stained)


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_picture_of_no_evidence_is_the_picture(is_signed: bool) -> None:
    nothing = explanation(np.zeros((2, 8, 8), dtype=np.float32), is_signed)
    assert np.array_equal(picture(nothing, "b", 1.0), VIEW)
    assert np.array_equal(picture(nothing, "b", 1.0, scale=3.0), VIEW)


def test_a_picture_takes_the_palette_that_fits_its_method() -> None:
    unsigned, both = explanation(ramp()[None], False), explanation(signed()[None], True)
    for colours in ("", "blue-red", "viridis"):
        assert np.array_equal(picture(unsigned, "a", 0.7, colours), overlay(VIEW, ramp(), 0.7, "viridis"))
    assert np.array_equal(picture(unsigned, "a", 0.7, "magma"), overlay(VIEW, ramp(), 0.7, "magma"))
    top = float(np.percentile(np.abs(signed()), 99))
    for colours in ("", "blue-red", "viridis"):
        assert np.array_equal(picture(both, "a", 0.7, colours), signed_overlay(VIEW, signed(), 0.7, "blue-red", top))
    assert np.array_equal(
        picture(both, "a", 0.7, "teal-brown", 9.0), signed_overlay(VIEW, signed(), 0.7, "teal-brown", 9.0)
    )
    with pytest.raises(InputError, match="Known: cividis"):
        picture(both, "a", 0.7, "jet")
    with pytest.raises(InputError, match="No style"):
        picture(both, "a", style="contour")


def test_a_shared_scale_counts_evidence_against_too() -> None:
    values = np.stack([signed(), -3 * signed()])
    assert shared_scale(explanation(values, True, superpixels())) == 6.0
    assert shared_scale(explanation(np.maximum(values, 0), False)) == 3.0
    assert shared_scale(explanation(values, True)) == pytest.approx(np.percentile(np.abs(values), 99))


def test_a_few_outstanding_pixels_do_not_blank_the_others() -> None:
    values = np.full((1, 20, 20), 0.1, dtype=np.float32)
    values[0, 0, :2] = -50  # 2 of 400
    item = replace(explanation(values, True), view=np.full((20, 20, 3), 100, dtype=np.uint8))
    assert own_scale(item, "a") == pytest.approx(0.1)
    assert own_scale(replace(item, regions=superpixels()), "a") == 50
    assert own_scale(replace(item, native=values[:, ::2, ::2]), "a") == 50
    assert own_scale(replace(item, values=np.abs(values), signed=False), "a") == 50
    lone = np.where(values < 0, values, 0)
    assert own_scale(replace(item, values=lone), "a") == 50  # or they would be left out


def superpixels() -> Regions:
    labels = np.kron(np.arange(16).reshape(4, 4), np.ones((10, 10))).astype(np.int32)
    weights = np.random.default_rng(3).normal(size=(3, 16)).astype(np.float32)
    weights[1] = -np.abs(weights[1])
    weights[2, 2:] = -1
    weights[2, :2] = (1, 2)
    return Regions(labels, weights, np.zeros_like(weights))


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("most", [1, 5])
def test_borders_are_those_of_limes_own_figures(index: int, most: int) -> None:
    regions = superpixels()
    view = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    upstream = ImageExplanation(view / 255, regions.labels)
    ranked = sorted(enumerate(regions.weights[index]), key=lambda pair: -abs(pair[1]))
    upstream.local_exp = {index: ranked}
    image, mask = upstream.get_image_and_mask(index, positive_only=True, num_features=most, hide_rest=False)
    expected = np.rint(mark_boundaries(image, mask) * 255).astype(np.uint8)
    assert np.array_equal(region_overlay(view, regions, index, most), expected)


def test_nothing_is_marked_where_nothing_speaks_for_the_class() -> None:
    view = np.full((40, 40, 3), 90, dtype=np.uint8)
    assert np.array_equal(region_overlay(view, superpixels(), 1), view)
    both = Explanation(
        "m",
        "lime",
        ("a", "b"),
        np.ones((2, 40, 40), np.float32),
        np.ones((2, 40, 40), np.float32),
        view,
        True,
        "probability",
        regions=superpixels(),
    )
    assert np.array_equal(picture(both, "b", style="borders"), view)
    assert (picture(both, "a", style="borders") == (255, 255, 0)).all(axis=2).any()

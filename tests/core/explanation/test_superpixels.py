"""Superpixels: about as many as asked for, the same for every model, and merged by Ward's rule."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from lime.wrappers.scikit_image import SegmentationAlgorithm

from core.errors import InputError
from core.explanation.baselines import BASELINES, baseline, of_superpixels
from core.explanation.context import SIDE, ImageContext, cell_masks
from core.explanation.engine import checked_request
from core.explanation.methods.registry import METHODS
from core.explanation.superpixels import SUPERPIXELS, merged, superpixels
from core.simulation import draw_cell
from tests.support.toy_networks import begin, finish, noise, random_network, toy


def cell(side: int = SIDE) -> ImageContext:
    return ImageContext(cv2.resize(draw_cell("monocyte", 3).image, (side, side), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("name", SUPERPIXELS)
@pytest.mark.parametrize("regions", [8, 50, 200])
def test_about_as_many_as_asked_for_and_counted_from_0(name: str, regions: int) -> None:
    labels = superpixels(cell(), name, regions, SIDE)
    assert labels.shape == (SIDE, SIDE) and labels.dtype == np.int32
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert 0.7 * regions <= labels.max() + 1 <= 1.02 * regions
    assert np.array_equal(labels, superpixels(cell(), name, regions, SIDE))


@pytest.mark.parametrize("name", SUPERPIXELS)
def test_models_of_all_sides_have_the_same_parts(name: str) -> None:
    context = cell()
    large, small = superpixels(context, name, 200, SIDE), superpixels(context, name, 200, 112)
    assert small.shape == (112, 112) and np.array_equal(np.unique(small), np.unique(large))
    assert np.mean(np.kron(small, np.ones((2, 2), np.int32)) == large) > 0.85


@pytest.mark.parametrize("name", SUPERPIXELS)
def test_tiny_and_even_pictures_are_cut_or_refused(name: str) -> None:
    assert superpixels(cell(32), name, 50, 32).max() >= 7
    even = ImageContext(np.full((60, 60, 3), 130, np.uint8))
    try:
        labels = superpixels(even, name, 50, SIDE)
    except InputError as error:
        assert "grid" in str(error) and name != "grid"
    else:
        areas = np.bincount(labels.ravel())
        assert len(areas) > 1 and areas.max() < 0.1 * areas.sum()


@pytest.mark.parametrize("name", SUPERPIXELS)
def test_noise_is_cut_too(name: str) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    assert superpixels(ImageContext(noise), name, 50, SIDE).max() >= 30


def test_superpixels_keep_to_edges() -> None:
    picture = np.full((SIDE, SIDE, 3), 230, np.uint8)
    cv2.circle(picture, (100, 120), 50, (90, 40, 130), -1)
    inside = picture[..., 0] == 90
    for name in ("slic", "quickshift", "watershed"):
        labels = superpixels(ImageContext(picture), name, 50, SIDE)
        share = np.bincount(labels.ravel(), inside.ravel()) / np.bincount(labels.ravel())
        mixed = np.minimum(share, 1 - share)[labels]
        assert mixed.mean() < 0.02, name


def test_quickshift_with_enough_parts_is_limes_own() -> None:
    context = ImageContext(np.random.default_rng(0).integers(0, 256, (14, 14, 3), dtype=np.uint8))
    own = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2, rng=0)
    theirs = np.asarray(own(context.picture()))
    assert theirs.max() >= 8
    ours = superpixels(context, "quickshift", 8, SIDE)
    pairs = np.unique(np.stack([theirs.ravel(), ours.ravel()]), axis=1)
    assert len(pairs[0]) == theirs.max() + 1  # each of theirs lies in one of ours


def test_merging_joins_the_most_alike_neighbours() -> None:
    labels = np.repeat(np.arange(4, dtype=np.int32), 5)[None].repeat(10, axis=0)
    picture = np.zeros((10, 20, 3), np.uint8)
    for part, level in enumerate((10, 200, 205, 90)):
        picture[labels == part] = level
    joined = merged(picture, labels, 3)
    assert np.array_equal(joined[0, ::5], [0, 1, 1, 2])
    assert np.array_equal(merged(picture, labels, 9), labels)
    assert not merged(picture, labels, 1).any()


def test_wrong_names_and_numbers_are_told() -> None:
    with pytest.raises(InputError, match="slic"):
        superpixels(cell(), "hexagons", 50, SIDE)
    with pytest.raises(InputError, match="from 8 to 200"):
        superpixels(cell(), "grid", 5, SIDE)


@pytest.mark.parametrize("name", [*BASELINES, of_superpixels("region-mean", "grid", 50)])
def test_baselines_are_pictures_of_the_models_side(name: str) -> None:
    for context in (cell(), cell(32), ImageContext(np.full((60, 60, 3), 130, np.uint8))):
        hidden = baseline(context, name, 120)
        assert hidden.shape == (120, 120, 3) and hidden.dtype == np.uint8
    assert (hidden == 130).all()  # an even picture's baselines are itself


def test_inpainting_leaves_all_but_the_cell() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[80:140, 90:150] = True
    rgb = np.full((SIDE, SIDE, 3), (220, 190, 200), np.uint8)
    rgb[mask] = (80, 30, 120)
    context = ImageContext(rgb, mask)
    assert not cell_masks(context).estimated
    assert np.abs(baseline(context, "inpaint", SIDE).astype(int) - (220, 190, 200)).max() <= 8


def test_the_smears_colour_is_that_of_its_empty_field() -> None:
    rgb = np.full((SIDE, SIDE, 3), (170, 90, 110), np.uint8)
    rgb[:, :60] = (240, 235, 225)
    assert (baseline(ImageContext(rgb), "smear", 120) == (240, 235, 225)).all()


def test_region_means_are_limes_hidden_picture() -> None:
    context = cell()
    labels, hidden = (
        superpixels(context, "grid", 9, 120),
        baseline(context, of_superpixels("region-mean", "grid", 9), 120),
    )
    for part in range(labels.max() + 1):
        mean = context.picture(120)[labels == part].mean(axis=0)
        assert np.abs(hidden[labels == part] - np.floor(mean)).max() <= 1


def test_own_regions_are_those_given_without_what_is_too_small_to_see() -> None:
    picture = cell(448).rgb
    given = np.zeros((448, 448), dtype=np.int32)
    given[:, 224:] = 70
    given[100:200, 100:200] = 7
    given[0, 0] = 9  # a pixel that no model sees
    context = ImageContext(picture, given_regions=given)
    labels = superpixels(context, "own", 8, SIDE)
    assert np.array_equal(np.unique(labels), [0, 1, 2])
    for number, level in enumerate((0, 7, 70)):
        assert np.mean((labels == number) == (given[1::2, 1::2] == level)) > 0.999
    assert superpixels(context, "own", 50, 120).shape == (120, 120)
    assert context.digest != ImageContext(picture).digest
    with pytest.raises(InputError, match="448x447"):
        ImageContext(picture, given_regions=given[:-1])
    one = np.zeros((448, 448), dtype=np.int32)
    one[0, 0] = 1
    with pytest.raises(InputError, match="only one"):
        superpixels(ImageContext(picture, given_regions=one), "own", 50, SIDE)


@pytest.mark.parametrize("count", [2, 400])
@pytest.mark.parametrize("name", ["lime", "shap-kernel", "shap-partition"])
def test_the_fewest_and_the_most_regions_are_weighed(name: str, count: int) -> None:
    rows = {2: 1, 400: 20}[count]
    places = np.arange(SIDE)
    given = (places[:, None] * rows // SIDE) * (count // rows) + places[None] * (count // rows) // SIDE
    context = ImageContext(noise(SIDE).rgb, given_regions=given.astype(np.int32))
    budget = METHODS[name].settings.budget_name
    estimator = finish(begin(METHODS[name], toy(random_network(), 48), context, superpixels="own", **{budget: 60}))
    maps = estimator.maps()
    assert np.isfinite(maps.native).all() and maps.native.any()
    if maps.regions is not None:
        assert maps.regions.weights.shape == (3, count)
    if name != "lime":
        assert maps.gap is not None and np.abs(maps.gap).max() < 1e-3


def test_own_regions_that_were_not_given_are_asked_for_before_any_work() -> None:
    for name in ("lime", "shap-kernel", "shap-partition"):
        with pytest.raises(InputError, match="no regions of your own"):
            checked_request(name, toy(random_network(), 48), noise(48), {"superpixels": "own"})

"""The cell of a picture: found, given, or not there."""

from __future__ import annotations

import numpy as np
import pytest

from core.explanation.context import SIDE, ImageContext, cell_masks, scaled_mask
from core.preprocessing.framing import frame_image
from core.simulation.cell import draw_cell


def test_a_simulated_cell_is_found() -> None:
    overlaps = []
    for seed in range(4):
        cell = draw_cell("lymphocyte", seed)
        masks = cell_masks(ImageContext(cell.image))
        truth = cell.nucleus | cell.cytoplasm
        assert masks.found and masks.estimated and masks.nucleus is not None
        assert masks.cell.shape == (SIDE, SIDE) and not (masks.nucleus & ~masks.cell).any()
        overlaps.append((masks.cell & truth).sum() / (masks.cell | truth).sum())
    assert np.median(overlaps) > 0.7


def test_a_given_mask_is_taken_and_the_nucleus_kept_inside() -> None:
    rgb = frame_image(draw_cell("monocyte", 1).image, "cell").rgb
    given = np.zeros(rgb.shape[:2], bool)
    given[: rgb.shape[0] // 2] = True
    masks = cell_masks(ImageContext(rgb, given))
    assert masks.found and not masks.estimated and np.array_equal(masks.cell, scaled_mask(given, SIDE))
    assert masks.nucleus is not None and masks.nucleus.any() and not (masks.nucleus & ~masks.cell).any()


@pytest.mark.parametrize("given", [None, False])
def test_without_a_cell_nothing_is_found(given: bool | None) -> None:
    rgb = np.full((32, 32, 3), 200, np.uint8)
    masks = cell_masks(ImageContext(rgb, None if given is None else np.zeros((32, 32), bool)))
    assert not masks.found and not masks.cell.any() and masks.nucleus is not None and not masks.nucleus.any()
    assert masks.estimated == (given is None)


def test_it_is_made_once() -> None:
    context = ImageContext(draw_cell("basophil", 0).image)
    assert cell_masks(context) is cell_masks(context)


def test_scaling_keeps_the_area() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = (rows - 100) ** 2 + (columns - 120) ** 2 < 60**2
    for side in (64, 120, 300):
        assert scaled_mask(disc, side).mean() == pytest.approx(disc.mean(), rel=0.02)

"""White cells of whole photographs: as many as were drawn, where they were drawn, whatever the stain and the scale."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import InputError
from core.fields.cells import Corners, FieldCell
from core.fields.detection import DetectionSettings, check_field, detect_cells
from core.simulation import draw_field
from core.simulation.crowd import SimulatedSmear, SmearPlan, draw_smear

LABELS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil", "neutrophil", "lymphocyte")


def masks_overlap(box: Corners, mask: NDArray[np.bool_]) -> float:
    """Intersection over union of a box with the box around a mask, by counting pixels."""
    drawn, around = np.zeros(mask.shape, dtype=bool), np.zeros(mask.shape, dtype=bool)
    drawn[box[1] : box[3], box[0] : box[2]] = True
    rows, columns = np.nonzero(mask)
    around[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return float((drawn & around).sum() / (drawn | around).sum())


def found_of(smear: SimulatedSmear, cells: list[FieldCell]) -> list[int]:
    """For each drawn cell, how many finds overlap it by half."""
    return [
        sum(masks_overlap(cell.box, smear.owner == number) > 0.5 for cell in cells)
        for number in range(1, len(smear.cells) + 1)
    ]


@pytest.mark.parametrize(
    ("stain", "radius"), [("cream", 15.0), ("white-violet", 24.0), ("yellow", 15.0), ("grey", 19.0)]
)
def test_each_drawn_cell_is_found_once(stain: str, radius: float) -> None:
    smear = draw_smear(SmearPlan(480, 640, LABELS[:5], red_radius=radius, stain=stain), 901)
    cells = detect_cells(smear.image)
    assert len(cells) == len(smear.cells) and found_of(smear, cells) == [1] * len(smear.cells)
    assert [cell.number for cell in cells] == list(range(1, len(cells) + 1))
    assert all(0.5 <= cell.score <= 1 for cell in cells)


def test_touching_cells_are_told_apart_and_marked() -> None:
    smear = draw_smear(SmearPlan(300, 400, ("neutrophil", "lymphocyte"), pairs=1, red_radius=18.0, stain="cream"), 3)
    cells = detect_cells(smear.image)
    assert found_of(smear, cells) == [1, 1] and all(cell.touching for cell in cells)


def test_a_larger_copy_holds_the_same_cells() -> None:
    smear = draw_smear(SmearPlan(400, 500, LABELS[:4], red_radius=15.0, stain="lilac"), 77)
    cells = detect_cells(smear.image)
    larger = cv2.resize(smear.image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    found = detect_cells(np.asarray(larger, dtype=np.uint8))
    assert [cell.number for cell in found] == [cell.number for cell in cells]
    for small, large in zip(cells, found, strict=True):
        assert np.abs(np.array(large.box) / 3 - np.array(small.box)).max() < 8


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_field_without_white_cells_has_none(seed: int) -> None:
    assert detect_cells(draw_field(seed, 480)) == []


def test_an_even_or_black_picture_has_none() -> None:
    assert detect_cells(np.full((300, 400, 3), 230, dtype=np.uint8)) == []
    assert detect_cells(np.zeros((300, 400, 3), dtype=np.uint8)) == []


def test_a_crowd_is_counted() -> None:
    smear = draw_smear(SmearPlan(900, 1200, LABELS * 8, pairs=12, red_radius=13.0, stain="cream", crowding=0.2), 8)
    assert len(smear.cells) > 40
    assert abs(len(detect_cells(smear.image)) - len(smear.cells)) <= 0.05 * len(smear.cells)


def test_what_is_too_large_is_refused() -> None:
    huge = np.broadcast_to(np.uint8(0), (10_000, 10_000, 3))
    with pytest.raises(InputError, match=r"100 megapixels; at most 40"):
        detect_cells(huge)
    check_field((5000, 8000, 3))


def test_progress_rises_to_the_end_and_a_stop_ends_the_search() -> None:
    smear = draw_smear(SmearPlan(300, 400, LABELS[:3], red_radius=14.0), 5)
    told: list[float] = []
    cells = detect_cells(smear.image, progress=told.append)
    assert cells and told == sorted(told) and told[-1] == 1 and told[0] > 0
    assert detect_cells(smear.image, cancelled=lambda: True) == []


def test_more_certainty_finds_no_more_cells() -> None:
    smear = draw_smear(SmearPlan(300, 400, LABELS[:4], pairs=1, red_radius=14.0), 6)
    counts = [len(detect_cells(smear.image, DetectionSettings(least_score=score))) for score in (0.1, 0.5, 0.99)]
    assert counts == sorted(counts, reverse=True)


def test_the_same_photograph_gives_the_same_cells() -> None:
    image = draw_smear(SmearPlan(300, 400, LABELS[:4], red_radius=14.0), 7).image
    assert detect_cells(image) == detect_cells(image.copy())

"""The pipeline on real cells, against annotated boxes and masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cells import images_of_half
from benchmarks.preprocessing import automatic, on_masks, on_photographs, preset
from core.fields.cells import overlap_of

pytestmark = pytest.mark.data


def test_the_papers_bounds_find_the_annotated_cells(data_root: Path) -> None:
    figures = on_photographs(data_root, preset("bccd"))
    assert figures["images"] > 350 and figures["centre_in_box"] >= 0.98
    assert figures["found_in_empty_crops"] <= 0.05


def test_the_automatic_mask_is_the_whole_cell(data_root: Path) -> None:
    figures = on_masks(images_of_half(data_root, "jtsc", "development")[::3], automatic)
    assert figures["median_iou"] >= 0.75


def test_box_overlap_by_hand() -> None:
    assert overlap_of((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap_of((0, 0, 10, 10), (20, 20, 30, 30)) == 0

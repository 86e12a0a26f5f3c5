"""Simulated photographs with several cells: what is told of them is what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, find_objects, label

from core.errors import InputError
from core.simulation.crowd import SimulatedSmear, SmearPlan, draw_smear, usual_labels

FOUR = ("neutrophil", "lymphocyte", "monocyte", "eosinophil")


@pytest.fixture(scope="module")
def smear() -> SimulatedSmear:
    return draw_smear(SmearPlan(360, 480, FOUR, pairs=1, red_radius=16.0), 3)


def test_a_seed_draws_one_photograph(smear: SimulatedSmear) -> None:
    again = draw_smear(SmearPlan(360, 480, FOUR, pairs=1, red_radius=16.0), 3)
    assert again.cells == smear.cells and np.array_equal(again.image, smear.image)
    assert not np.array_equal(draw_smear(SmearPlan(360, 480, FOUR, pairs=1, red_radius=16.0), 4).image, smear.image)


def test_boxes_are_those_of_the_owned_pixels(smear: SimulatedSmear) -> None:
    assert [cell.label for cell in smear.cells] == list(FOUR)
    places = find_objects(smear.owner)
    assert len(places) == len(smear.cells)
    for (rows, columns), cell in zip(places, smear.cells, strict=True):
        assert cell.box == (columns.start, rows.start, columns.stop, rows.stop)


def test_pairs_touch_and_others_do_not(smear: SimulatedSmear) -> None:
    assert [cell.touching for cell in smear.cells] == [False, False, True, True]
    near = [binary_dilation(smear.owner == number, iterations=3) for number in range(1, 5)]
    assert (near[2] & (smear.owner == 4)).any()
    assert not any((near[one] & (smear.owner == two + 1)).any() for one in (0, 1) for two in range(4) if one != two)


def test_cells_lie_whole_in_the_frame_and_are_darker_than_the_slide(smear: SimulatedSmear) -> None:
    border = np.concatenate([smear.owner[0], smear.owner[-1], smear.owner[:, 0], smear.owner[:, -1]])
    assert not border.any()
    green = smear.image[..., 1].astype(float)
    assert all(green[smear.owner == number].mean() < 0.9 * np.percentile(green, 95) for number in range(1, 5))
    assert all(label(smear.owner == number)[1] == 1 for number in (1, 2, 4))  # the third may be covered in part


def test_the_border_may_cut_cells() -> None:
    plan = SmearPlan(200, 200, ("neutrophil",) * 6, red_radius=14.0, cut_off=1.0)
    cut = [draw_smear(plan, seed).owner for seed in range(4)]
    assert any(owner[0].any() or owner[-1].any() or owner[:, 0].any() or owner[:, -1].any() for owner in cut)


@pytest.mark.parametrize(
    ("plan", "seed"),
    [
        (SmearPlan(100, 100, ()), -1),
        (SmearPlan(20, 100, ()), 0),
        (SmearPlan(100, 100, ("plasma cell",)), 0),
        (SmearPlan(100, 100, ("neutrophil",), pairs=1), 0),
    ],
)
def test_what_cannot_be_drawn_is_refused(plan: SmearPlan, seed: int) -> None:
    with pytest.raises(InputError):
        draw_smear(plan, seed)


def test_usual_labels_come_as_often_as_in_blood() -> None:
    drawn = usual_labels(np.random.default_rng(0), 4000)
    assert drawn.count("neutrophil") / 4000 == pytest.approx(0.60, abs=0.04)
    assert drawn.count("basophil") / 4000 == pytest.approx(0.02, abs=0.01)

"""Where cells may lie: every drawn cell is among the candidates, touching discs are split, and near copies are one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.fields import candidates
from core.fields.candidates import Candidate, density_map, distinct, empty_light, nuclear_candidates, split_piece
from core.preprocessing.segmentation import stain_density
from core.simulation.crowd import SmearPlan, draw_smear

LABELS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil", "neutrophil")


def everywhere(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.ones(rgb.shape[:2], dtype=bool)


@pytest.mark.parametrize("stain", ["cream", "white-violet", "grey", "yellow"])
def test_every_drawn_cell_has_a_candidate(stain: str) -> None:
    smear = draw_smear(SmearPlan(360, 480, LABELS, pairs=1, red_radius=15.0, stain=stain), 11)
    found = nuclear_candidates(smear.image, everywhere(smear.image))
    for cell in smear.cells:
        left, top, right, bottom = cell.box
        side = float(np.sqrt((right - left) * (bottom - top)))
        near = [
            one
            for one in found
            if max(abs(one.x - (left + right) / 2), abs(one.y - (top + bottom) / 2)) < 0.35 * side
            and abs(np.log(one.side / side)) < 0.6
        ]
        assert near, (stain, cell)


def test_an_even_picture_has_none() -> None:
    even = np.full((200, 300, 3), 215, dtype=np.uint8)
    assert nuclear_candidates(even, everywhere(even)) == []


def test_stain_in_tiles_is_stain_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = draw_smear(SmearPlan(300, 260, LABELS[:3], red_radius=14.0), 5).image
    whole = 255 * stain_density(image)
    found = density_map(image, everywhere(image)).astype(float)
    assert np.abs(found - np.clip(whole, 0, 255)).max() < 3.0  # in 255ths: the empty field's light is rounded
    monkeypatch.setattr(candidates, "TILE", 64)
    assert np.array_equal(density_map(image, everywhere(image)), found.astype(np.uint8))


def discs(*middles: tuple[int, int], radius: int = 20) -> NDArray[np.bool_]:
    """Discs in as small a frame as holds them, from its corner on."""
    rows, columns = np.mgrid[0 : max(y for _, y in middles) + radius + 1, 0 : max(x for x, _ in middles) + radius + 1]
    return np.any([np.hypot(columns - x, rows - y) <= radius for x, y in middles], axis=0)


@pytest.mark.parametrize("middles", [((20, 20), (54, 20)), ((20, 20), (46, 46)), ((20, 20), (55, 20), (37, 52))])
def test_touching_discs_are_split_where_they_were_drawn(middles: tuple[tuple[int, int], ...]) -> None:
    parts = split_piece(discs(*middles))
    assert len(parts) == len(middles)
    for x, y in middles:
        middle, area = min(parts, key=lambda part: float(np.hypot(part[0][0] - x, part[0][1] - y)))
        assert np.hypot(middle[0] - x, middle[1] - y) < 5
        assert area == pytest.approx(np.pi * 20**2, rel=0.2)


def test_a_disc_and_an_oval_stay_whole() -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    assert split_piece(discs((20, 20))) == []
    assert split_piece(np.hypot((columns - 80) / 1.6, rows - 60) <= 30) == []


def alike(one: Candidate, other: Candidate) -> bool:
    smaller = min(one.side, other.side)
    near = max(abs(one.x - other.x), abs(one.y - other.y)) < candidates.SAME_PLACE * smaller
    return near and abs(np.log(one.side / other.side)) < candidates.SAME_SIZE


def test_near_copies_are_one_and_nothing_else_is_lost() -> None:
    rng = np.random.default_rng(0)
    every = [
        Candidate(float(x), float(y), float(side), False)
        for x, y, side in zip(
            rng.uniform(900, 1000, 300), rng.uniform(900, 1000, 300), rng.uniform(10, 60, 300), strict=True
        )
    ]
    kept = distinct(every)
    assert not any(alike(kept[n], kept[m]) for n in range(len(kept)) for m in range(n))
    assert all(any(alike(one, other) for other in kept) for one in every) and len(kept) < len(every)


def test_the_empty_light_is_that_of_the_slide() -> None:
    rgb = np.full((100, 100, 3), (240, 230, 220), dtype=np.uint8)
    rgb[:40, :60] = (90, 30, 140)
    assert empty_light(rgb, everywhere(rgb)).tolist() == [240, 230, 220]

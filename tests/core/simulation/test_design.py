"""Cells drawn by a design: as before where nothing differs, and changed where they are asked to be and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from scipy import ndimage

from core.classes import CLASSES
from core.errors import InputError
from core.settings import fields_of
from core.simulation import CellDesign, SimulatedCell, design_of, draw, draw_cell, gallery
from core.simulation.design import FACTORS, CellClass, StainName
from core.simulation.gallery import designs_with, plan_samples, write_sample
from core.simulation.stain import PALETTES

SIDE = 128
# Written down from the drawings of the version before designs: pictures and masks, in order.
GALLERY = "86ed0789820c6693a790230c15b77e37422032d3b4300fde0f6b58a0fb3f5351"
SIXTY = "ef1cae120ca5577c95d3258d3c2b7ec091be9613f51f1b5c7892414bebb0ffd1"


def digest(cells: list[SimulatedCell]) -> str:
    parts = [array.tobytes() for cell in cells for array in (cell.image, cell.nucleus, cell.cytoplasm)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def changed(label: str, seed: int = 4, **fields: Any) -> tuple[SimulatedCell, SimulatedCell]:
    """A cell as drawn, and with changes."""
    design = design_of(label)
    return draw(design, seed, SIDE), draw(design.revised(**fields), seed, SIDE)


def reach(cell: SimulatedCell, mask: np.ndarray) -> np.ndarray:
    """A mask and whatever the optics, the sharpening and 16 px blocks of JPEG storage carry into."""
    side = 2 * int(np.ceil(9 * cell.blur + 2)) + 1
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    blocks = grown.reshape(SIDE // 16, 16, SIDE // 16, 16).max(axis=(1, 3))
    blocks = cv2.dilate(blocks, np.ones((3, 3), np.uint8))  # colour is interpolated over a block's edge
    return np.kron(blocks, np.ones((16, 16), np.uint8)) > 0


def test_gallery_and_plain_cells_are_bit_for_bit_what_they_were() -> None:
    assert digest([entry.cell() for entry in gallery()]) == GALLERY
    assert digest([draw(design_of(label), seed, 96) for label in CLASSES for seed in range(40, 52)]) == SIXTY


def test_a_design_changed_there_and_back_is_the_plain_cell() -> None:
    for label in CLASSES:
        same = draw(design_of(label).revised(granule_colour="own", other="monocyte", share=0.0), 5, SIDE)
        assert digest([same]) == digest([draw_cell(label, 5, SIDE)])


def test_names_of_classes_and_stains_are_those_there_are() -> None:
    assert get_args(CellClass) == CLASSES
    assert set(get_args(StainName)) == {"own", *(palette.name for palette in PALETTES)}
    floats = {name for name, field in fields_of(CellDesign).items() if field.kind == "float"}
    assert set(FACTORS) == floats


@pytest.mark.parametrize("label", CLASSES)
def test_granules_go_from_their_mask_and_from_nowhere_else(label: str) -> None:
    plain, bare = changed(label, granules=0.0)
    assert not bare.granules.any()
    assert (plain.nucleus == bare.nucleus).all() and (plain.cytoplasm == bare.cytoplasm).all()
    differs = (plain.image != bare.image).any(axis=2)
    assert not differs[~reach(plain, plain.granules)].any()
    if label in ("basophil", "eosinophil", "neutrophil"):
        assert differs.any() and plain.granules.any()
        assert bare.image[plain.granules].mean() > plain.image[plain.granules].mean() + 3  # less dye, more light


def test_more_granules_cover_those_there_were() -> None:
    plain, more = changed("neutrophil", granules=1.8)
    assert (more.granules & plain.granules).sum() > 0.95 * plain.granules.sum()
    assert more.granules.sum() > 1.1 * plain.granules.sum()


def test_a_colour_of_granules_is_that_dyes() -> None:
    plain, other = changed("eosinophil", granule_colour="violet")
    inside = plain.granules & ~plain.nucleus
    assert plain.image[inside].mean(axis=0)[1] > other.image[inside].mean(axis=0)[1] + 20  # violet takes up green


@pytest.mark.parametrize("label", ["eosinophil", "neutrophil", "monocyte"])
def test_lobes_filled_in_are_the_hull_within_the_cell(label: str) -> None:
    plain, full = changed(label, filling=1.0)
    points = np.argwhere(plain.nucleus).astype(np.int32)
    hull = cv2.fillConvexPoly(np.zeros((SIDE, SIDE), np.uint8), cv2.convexHull(points[:, ::-1].copy()), 1) > 0
    whole = plain.nucleus | plain.cytoplasm
    rim = ndimage.binary_erosion(whole, iterations=3)
    assert (full.nucleus & rim == hull & rim).mean() > 0.99
    assert (full.nucleus | full.cytoplasm == whole).all()
    half = draw(design_of(label).revised(filling=0.5), 4, SIDE)
    assert plain.nucleus.sum() <= half.nucleus.sum() <= full.nucleus.sum()


def test_lobes_are_counted() -> None:
    pieces = []
    for lobes in (2, 5):
        designed = design_of("neutrophil").revised(lobes=lobes)
        thick = [ndimage.binary_opening(draw(designed, seed, SIDE).nucleus, iterations=4) for seed in range(8)]
        pieces.append(np.mean([ndimage.label(mask)[1] for mask in thick]))
    assert pieces[0] <= 2 and pieces[1] > pieces[0] + 0.5


def test_without_nucleus_nothing_is_nucleus_and_the_outline_stays() -> None:
    plain, bare = changed("monocyte", nucleus="none")
    assert not bare.nucleus.any() and (bare.cytoplasm == (plain.nucleus | plain.cytoplasm)).all()


def test_a_nucleus_of_another_class_leaves_what_lies_outside_the_cell() -> None:
    plain, swapped = changed("neutrophil", nucleus="lymphocyte")
    assert swapped.nucleus.sum() > 1.3 * plain.nucleus.sum()
    differs = (plain.image != swapped.image).any(axis=2)
    assert not differs[~reach(plain, plain.nucleus | plain.cytoplasm)].any()


def test_mixtures_lie_between_their_ends() -> None:
    design = design_of("lymphocyte").revised(other="eosinophil")
    shares = [draw(design.revised(share=share), 3, SIDE) for share in (0.0, 0.5, 1.0)]
    warmth = [np.subtract(*cell.image[cell.cytoplasm][:, [0, 2]].astype(float).mean(axis=0)) for cell in shares]
    assert warmth[0] < warmth[1] < warmth[2]


@pytest.mark.parametrize(
    ("fields", "brighter"),
    [({"light": 0.8}, False), ({"stain_strength": 0.5}, True), ({"chromatin": 1.6}, False), ({"red_cells": 0.0}, True)],
)
def test_light_and_dye_make_the_picture_brighter_or_darker(fields: dict[str, Any], brighter: bool) -> None:
    plain, other = changed("monocyte", **fields)
    assert (other.image.mean() > plain.image.mean()) == brighter


def test_focus_and_size() -> None:
    plain, soft = changed("neutrophil", blur=4.0)
    sharpness = [cv2.Laplacian(cell.image[:, :, 1], cv2.CV_64F).var() for cell in (plain, soft)]
    assert sharpness[1] < 0.5 * sharpness[0] and soft.blur > 2 * plain.blur
    _, small = changed("neutrophil", cell_size=0.7)
    whole, less = ((cell.nucleus | cell.cytoplasm).sum() for cell in (plain, small))
    assert abs(less / whole - 0.49) < 0.06


def test_the_same_design_and_seed_give_the_same_cell() -> None:
    design = CellDesign.of(label="basophil", other="monocyte", share=0.3, granules=1.5, stain="grey", filling=0.4)
    first, second = draw(design, 9, SIDE), draw(design, 9, SIDE)
    assert digest([first]) == digest([second]) and (first.granules == second.granules).all()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"label": "erythroblast"}, "label must be one of: basophil"),
        ({"granules": 3.0}, "granules must be a number from 0 to 2"),
        ({"lobes": 9}, "lobes must be a whole number from 0 to 5"),
        ({"light": float("nan")}, "light"),
        ({"eyes": 2}, "'eyes' is not known here"),
    ],
)
def test_what_is_out_of_range_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        CellDesign.of(**fields)


def test_samples_are_drawn_by_a_design(tmp_path: Path) -> None:
    sample = plan_samples(tmp_path, 0, 1)[1]
    design = designs_with({"granules": 0.0})[sample.label]
    write_sample(sample, 64, design)
    written = cv2.imread(str(sample.image))[:, :, ::-1]
    assert (written == draw(design, sample.seed, 64).image).all()
    with pytest.raises(InputError, match="class cannot be set"):
        designs_with({"label": "monocyte"})

"""Simulated cells: reproducible, exactly masked, and of their class's textbook proportions and colours."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from scipy import ndimage

from core.classes import CLASSES
from core.errors import InputError
from core.simulation import SimulatedCell, draw_cell
from core.simulation.stain import draw_stain

SEEDS = range(12)


@cache
def cells(label: str) -> list[SimulatedCell]:
    return [draw_cell(label, seed, 160) for seed in SEEDS]


def nuclear_ratio(cell: SimulatedCell) -> float:
    return float(cell.nucleus.sum() / (cell.nucleus | cell.cytoplasm).sum())


def solidity(mask: np.ndarray) -> float:
    """Area over the area of the convex hull."""
    points = np.argwhere(mask).astype(np.int32)
    hull = cv2.convexHull(points)
    return float(mask.sum() / max(cv2.contourArea(hull), 1.0))


@pytest.mark.parametrize("label", CLASSES)
def test_same_arguments_give_the_same_cell_whatever_the_global_generator(label: str) -> None:
    np.random.seed(1)
    first = draw_cell(label, 7, 96)
    np.random.seed(2)
    draw_cell("monocyte", 3, 96)
    second = draw_cell(label, 7, 96)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.nucleus, second.nucleus)
    assert np.array_equal(first.cytoplasm, second.cytoplasm)


def test_seeds_and_classes_give_different_pictures() -> None:
    pictures = {draw_cell(label, seed, 64).image.tobytes() for label in CLASSES for seed in range(4)}
    assert len(pictures) == 4 * len(CLASSES)


def test_drawing_leaves_the_global_generator_alone() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    draw_cell("neutrophil", 1, 64)
    assert np.random.random() == expected


@pytest.mark.parametrize("label", CLASSES)
def test_masks_are_disjoint_inside_the_frame_and_in_one_piece(label: str) -> None:
    for cell in cells(label):
        whole = cell.nucleus | cell.cytoplasm
        assert cell.image.shape == (160, 160, 3)
        assert cell.image.dtype == np.uint8
        assert cell.nucleus.any()
        assert not (cell.nucleus & cell.cytoplasm).any()
        assert not (whole[0].any() or whole[-1].any() or whole[:, 0].any() or whole[:, -1].any())
        assert ndimage.label(whole)[1] == 1


@pytest.mark.parametrize("label", CLASSES)
def test_cell_is_near_the_middle_and_of_the_promised_width(label: str) -> None:
    for cell in cells(label):
        rows, columns = np.nonzero(cell.nucleus | cell.cytoplasm)
        assert abs(rows.mean() - 80) < 0.12 * 160
        assert abs(columns.mean() - 80) < 0.12 * 160
        assert 0.22 < (np.ptp(columns) + np.ptp(rows)) / 2 / 160 < 0.70


@pytest.mark.parametrize("label", CLASSES)
def test_nucleus_is_darker_than_the_rest_of_the_frame(label: str) -> None:
    for cell in cells(label):
        outside = ~(cell.nucleus | cell.cytoplasm)
        green = cell.image[:, :, 1]
        assert green[cell.nucleus].mean() < green[outside].mean() - 25


def test_nuclear_share_of_the_cell_follows_the_textbook() -> None:
    share = {label: float(np.median([nuclear_ratio(cell) for cell in cells(label)])) for label in CLASSES}
    assert share["lymphocyte"] > 0.6
    assert 0.35 < share["monocyte"] < 0.6
    assert 0.2 < share["neutrophil"] < 0.45
    assert 0.2 < share["eosinophil"] < 0.45
    assert share["lymphocyte"] > share["monocyte"] > share["neutrophil"]


def test_lymphocyte_nucleus_is_round_and_neutrophil_nucleus_lobed() -> None:
    round_nuclei = [solidity(cell.nucleus) for cell in cells("lymphocyte")]
    lobed_nuclei = [solidity(cell.nucleus) for cell in cells("neutrophil")]
    assert min(round_nuclei) > 0.93
    assert np.median(lobed_nuclei) < 0.92 < np.median(round_nuclei)
    assert min(lobed_nuclei) < 0.8


def test_monocyte_is_the_largest_and_lymphocyte_the_smallest_against_the_frame() -> None:
    area = {label: np.median([(c.nucleus | c.cytoplasm).sum() for c in cells(label)]) for label in CLASSES}
    assert max(area, key=area.__getitem__) == "monocyte"
    assert min(area, key=area.__getitem__) == "lymphocyte"


def test_cytoplasm_colours_follow_the_stain() -> None:
    def red_minus_blue(label: str) -> float:
        return float(
            np.median(
                [
                    np.subtract(*np.log(cell.image[cell.cytoplasm][:, [0, 2]] / 255 + 0.01).mean(axis=0))
                    - np.subtract(*np.log(background(label, cell.seed)[[0, 2]] / 255))
                    for cell in cells(label)
                ]
            )
        )

    warmth = {label: red_minus_blue(label) for label in CLASSES}
    assert max(warmth, key=warmth.__getitem__) == "eosinophil"
    assert warmth["eosinophil"] > 0 > warmth["lymphocyte"]
    assert warmth["monocyte"] < warmth["neutrophil"]


def background(label: str, seed: int) -> np.ndarray:
    return draw_stain(np.random.default_rng([CLASSES.index(label), seed]), 160).background


@pytest.mark.parametrize("size", [32, 100, 301])
def test_any_allowed_size(size: int) -> None:
    cell = draw_cell("eosinophil", 3, size)
    assert cell.image.shape == (size, size, 3)
    assert cell.nucleus.shape == cell.cytoplasm.shape == (size, size)
    assert cell.nucleus.any()
    assert cell.cytoplasm.any()


@pytest.mark.parametrize(
    ("label", "seed", "size", "told"),
    [
        ("erythroblast", 0, 224, "erythroblast"),
        ("Neutrophil", 0, 224, "choose one of"),
        ("neutrophil", -1, 224, "seed is -1"),
        ("neutrophil", 0, 8, "from 32 to 1024"),
        ("neutrophil", 0, 5000, "5000 px"),
    ],
)
def test_bad_arguments_are_refused_with_what_to_do(label: str, seed: int, size: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        draw_cell(label, seed, size)

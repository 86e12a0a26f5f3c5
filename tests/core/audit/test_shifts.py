"""Each shift does what its name says, grows with its steps, and leaves the geometry alone."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from core.audit.shifts import SEVERITIES, SHIFTS, shifted
from core.simulation import draw_cell

CELL = draw_cell("neutrophil", 4, size=120).image


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_grows_and_is_drawn_again_alike(name: str) -> None:
    distances = [float(np.abs(shifted(CELL, name, step, 5).astype(float) - CELL).mean()) for step in SEVERITIES]
    assert all(low < high for low, high in pairwise(distances)) and distances[0] > 0.2
    assert np.array_equal(shifted(CELL, name, 3, 5), shifted(CELL, name, 3, 5))


@pytest.mark.parametrize("name", [name for name in SHIFTS if name not in ("brighter",)])
def test_the_cell_stays_where_it_is(name: str) -> None:
    """The centre of what is darker than the middle tone moves by less than four of 120 px."""

    def centre(rgb: np.ndarray) -> np.ndarray:
        grey = rgb.astype(float).mean(axis=2)
        return np.argwhere(grey < (np.percentile(grey, 5) + np.median(grey)) / 2).mean(axis=0)

    assert np.abs(centre(shifted(CELL, name, 3)) - centre(CELL)).max() < 4


def test_light_contrast_and_tone_are_their_formulas() -> None:
    plain = CELL.astype(float) / 255
    for name, wanted in (
        ("darker", plain * 0.7),
        ("contrast", plain.mean(axis=(0, 1)) + 0.7 * (plain - plain.mean(axis=(0, 1)))),
        ("gamma", plain**0.7),
        ("white-balance", plain * [1.12, 1, 0.88]),
    ):
        assert np.abs(shifted(CELL, name, 3) - 255 * wanted.clip(0, 1)).max() <= 0.51


def test_hue_turns_red_towards_yellow() -> None:
    red = np.full((4, 4, 3), (200, 0, 0), dtype=np.uint8)
    assert shifted(red, "hue", 5)[0, 0].tolist() == [200, 150, 0]  # 45 of 60 degrees


def test_focus_is_a_gaussian_and_noise_has_its_deviation() -> None:
    wanted = gaussian_filter(CELL.astype(float), (1.2, 1.2, 0), mode="mirror")
    assert np.abs(shifted(CELL, "focus", 3) - wanted).mean() < 1  # 1 % of 120 px
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    assert np.std(shifted(grey, "noise", 3).astype(float)) == pytest.approx(14, rel=0.02)


def test_motion_keeps_the_mean_and_smears_one_way() -> None:
    dot = np.zeros((101, 101, 3), dtype=np.uint8)
    dot[50, 50] = 255
    rows, columns = np.nonzero(shifted(dot, "motion", 5)[..., 0])
    spread = np.linalg.svd(np.stack([rows - 50, columns - 50]).astype(float), compute_uv=False)
    assert spread[0] > 4 * spread[1] and np.hypot(rows - 50, columns - 50).max() == pytest.approx(5, abs=1.2)


def test_compression_is_that_of_a_jpeg() -> None:
    stream = io.BytesIO()
    Image.fromarray(CELL).save(stream, "JPEG", quality=35)
    assert np.abs(shifted(CELL, "compression", 3).astype(float) - np.asarray(Image.open(stream))).mean() < 2

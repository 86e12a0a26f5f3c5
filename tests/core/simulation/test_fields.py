"""Fields without a white cell, and the red cells in them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.errors import InputError
from core.simulation import draw_cell, draw_field
from core.simulation.smear import thickness


def largest_dark_region(image: np.ndarray) -> float:
    """Part of the frame that the largest region as dark as a nucleus takes (green below 52 % of the background)."""
    green = image[:, :, 1].astype(float)
    regions, count = ndimage.label(green < 0.52 * np.percentile(green, 95))
    return float(np.bincount(regions.ravel())[1:].max() / regions.size) if count else 0.0


def test_field_holds_nothing_of_a_nucleus_size_and_darkness() -> None:
    assert max(largest_dark_region(draw_field(seed, 160)) for seed in range(30)) < 0.012


def test_the_same_measure_finds_the_nucleus_of_cells() -> None:
    for seed in range(10):
        cell = draw_cell("lymphocyte", seed, 160)
        assert largest_dark_region(cell.image) > 0.012


def test_field_is_deterministic_and_varies_with_the_seed() -> None:
    assert np.array_equal(draw_field(3, 96), draw_field(3, 96))
    assert not np.array_equal(draw_field(3, 96), draw_field(4, 96))


def test_field_is_an_rgb_picture_of_the_size_asked_for() -> None:
    field = draw_field(0, 120)
    assert field.shape == (120, 120, 3)
    assert field.dtype == np.uint8


@pytest.mark.parametrize(("seed", "size"), [(-2, 224), (0, 1), (0, 4096)])
def test_bad_arguments_are_refused(seed: int, size: int) -> None:
    with pytest.raises(InputError):
        draw_field(seed, size)


def test_red_cell_profile_has_the_published_centre_and_maximum() -> None:
    profile = thickness(np.linspace(0.0, 1.0, 2001))
    assert profile.max() == pytest.approx(1.0, abs=1e-3)
    assert profile[0] * 2.566 == pytest.approx(0.81, abs=1e-3)
    assert profile[-1] == 0.0
    assert 0.65 < np.linspace(0.0, 1.0, 2001)[profile.argmax()] < 0.75

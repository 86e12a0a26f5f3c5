from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from core.errors import InputError
from core.explanation.quality.curves import impute, noise_field


def case(side: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((side, side, 3)), rng.random((side, side)) < share


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_it_is_pytorch_grad_cams_imputer_without_noise(share: float) -> None:
    picture, missing = case(24, share)
    upstream = NoisyLinearImputer(noise=0)
    theirs = upstream(torch.from_numpy(picture).permute(2, 0, 1).float(), torch.from_numpy(~missing).float())
    ours = impute(picture, missing)
    np.testing.assert_allclose(ours, theirs.permute(1, 2, 0).numpy(), atol=1e-5)


def test_every_missing_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    picture, missing = case(9, 0.6)
    missing[0, :4] = True  # at the border too
    filled = impute(picture, missing)
    for row, column in np.argwhere(missing):
        total, weight = np.zeros(3), 0.0
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                y, x = row + down, column + right
                if (down or right) and 0 <= y < 9 and 0 <= x < 9:
                    each = 1 / 12 if down and right else 1 / 6
                    total, weight = total + each * filled[y, x], weight + each
        np.testing.assert_allclose(filled[row, column], total / weight, atol=1e-12)
    assert np.array_equal(filled[~missing], picture[~missing])


def test_nothing_missing_changes_nothing_and_all_missing_is_refused() -> None:
    picture, _ = case(6, 0.5)
    assert np.array_equal(impute(picture, np.zeros((6, 6), bool)), picture)
    with pytest.raises(InputError, match="keep at least one"):
        impute(picture, np.ones((6, 6), bool))


def test_noise_is_small_and_the_seeds() -> None:
    one = noise_field((50, 50, 3), 1)
    assert np.array_equal(one, noise_field((50, 50, 3), 1)) and not np.array_equal(one, noise_field((50, 50, 3), 2))
    assert one.std() == pytest.approx(0.01, rel=0.05)

"""What a model is shown: standardised channels, areas averaged."""

from __future__ import annotations

import numpy as np
import torch

from core.models.classifier import FLOOR, resize, standardise, to_tensor


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (50, 70, 3), dtype=np.uint8)


def test_each_channel_has_its_own_mean_and_deviation() -> None:
    out = to_tensor([picture()], 32).double()
    torch.testing.assert_close(out.mean(dim=(2, 3)), torch.zeros(1, 3).double(), atol=1e-5, rtol=0)
    raw = torch.from_numpy(resize(picture(), 32)).double() / 255
    expected = (raw - raw.mean((0, 1))) / (raw.std((0, 1)) + FLOOR)
    torch.testing.assert_close(out[0].permute(1, 2, 0), expected, atol=1e-5, rtol=1e-5)


def test_a_brighter_or_dimmer_light_changes_little() -> None:
    base = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    dimmer = base * torch.tensor([0.8, 0.9, 0.7]).view(1, 3, 1, 1) + 0.05
    assert (standardise(base) - standardise(dimmer)).abs().mean() < 0.06


def test_an_even_picture_stays_even() -> None:
    assert to_tensor([np.full((20, 20, 3), 90, dtype=np.uint8)], 32).abs().max() < 1e-4


def test_shrinking_averages_areas() -> None:
    checker = np.indices((64, 64)).sum(0) % 2 * 200
    rgb = np.repeat(checker[..., None], 3, axis=2).astype(np.uint8)
    assert np.abs(resize(rgb, 32).astype(int) - 100).max() <= 1

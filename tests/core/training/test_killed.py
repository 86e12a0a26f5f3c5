"""A training that is killed at random moments and resumed ends, bit by bit, where an undisturbed one does."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from core.training.run_state import BEST, LAST, read_state
from tests.support.training_processes import command, figures, killed, rows, trained_alone, weights

RECIPE = """
name = "killed"
architecture = "toy_lively"
average = 0.9
patience = 6
monitor = "val_loss"
mixup = 0.2
cutmix = 0.5
balance = 0.5
optimiser = "nadam"
[data]
framing = "frame"
[augment]
hue = 0.1
[[stages]]
size = 32
epochs = 4
samples = 100
batch_size = 10
learning_rate = 2e-3
[[stages]]
size = 40
epochs = 14
samples = 100
batch_size = 7
learning_rate = 3e-2
"""


@pytest.mark.parametrize("seed", [1])
def test_bit_equal_after_sigkill(cells: Path, tmp_path: Path, seed: int) -> None:
    recipe = tmp_path / "killed.toml"
    recipe.write_text(RECIPE)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    trained_alone(command(recipe, cells, whole), tmp_path)
    resume: list[str] = []
    for number in range(2):
        in_time = killed(command(recipe, cells, cut, *resume), cut / "history.csv", seed * 10 + number)
        assert in_time and 0 < rows(cut / "history.csv") < rows(whole / "history.csv")
        resume = ["--resume"]
    trained_alone(command(recipe, cells, cut, "--resume"), tmp_path)
    pd.testing.assert_frame_equal(figures(whole), figures(cut), check_exact=True)
    ours, theirs = weights(whole), weights(cut)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    for name in (BEST, LAST):
        one, other = (read_state(run / name)["state_dict"] for run in (whole, cut))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert read_state(whole / BEST)["epoch"] == read_state(cut / BEST)["epoch"]

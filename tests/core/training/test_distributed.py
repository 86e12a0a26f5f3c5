"""Two processes train as one does, where no layer looks at the other images of its batch."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.support.training_processes import command, figures, trained, trained_alone, weights

RECIPE = """
name = "shared"
architecture = "toy_plain"
average = 0.9
mixup = 0.2
label_smoothing = 0.1
class_weights = true
[data]
framing = "frame"
[[stages]]
size = 32
epochs = 3
batch_size = 7
learning_rate = 1e-2
"""
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "shared.toml"
    file.write_text(RECIPE)
    return file


@pytest.fixture(scope="module")
def alone(recipe: Path, cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("alone") / "run"
    trained_alone(command(recipe, cells, run), run.parent)
    return run


@pytest.mark.parametrize(("before", "after"), [(TORCHRUN, ()), ([], ("--devices", "2"))], ids=["torchrun", "devices"])
def test_two_processes_give_the_figures_of_one(
    before: list[str], after: tuple[str, ...], recipe: Path, cells: Path, alone: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "run"
    out = trained([*before, *command(recipe, cells, shared, "--json", *after)])
    assert json.loads(out)["test"]["images"] == 10  # one document, from the first process alone
    pd.testing.assert_frame_equal(figures(alone), figures(shared), rtol=1e-5, atol=1e-5)
    ours, theirs = weights(alone), weights(shared)
    kept = [key for key in ours if not key.startswith("novelty.")]
    assert all(torch.allclose(ours[key].float(), theirs[key].float(), atol=2e-3) for key in kept)  # kept in fp16


def test_two_processes_train_the_folds_of_one(recipe: Path, cells: Path, tmp_path: Path) -> None:
    words = ("--folds", "3", "--epochs", "1", "--json")
    trained_alone(command(recipe, cells, tmp_path / "alone", *words), tmp_path)
    out = trained(command(recipe, cells, tmp_path / "shared", *words, "--devices", "2"))
    assert sum(fold["images"] for fold in json.loads(out)["folds"]) == 50
    for fold in ("fold-1", "fold-2", "fold-3"):
        ours, theirs = figures(tmp_path / "alone" / fold), figures(tmp_path / "shared" / fold)
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-5)


def test_two_processes_resume_a_finished_run_at_once(recipe: Path, cells: Path, alone: Path) -> None:
    out = trained([*TORCHRUN, *command(recipe, cells, alone, "--resume", "--json")])
    assert json.loads(out)["test"]["images"] == 10

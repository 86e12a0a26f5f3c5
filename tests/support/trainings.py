"""Made-up cells, tiny networks and tiny recipes; run as a script, the command line with these networks added."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.classes import CLASSES
from core.data.datasets import read_data
from core.models.registry import ARCHITECTURES, Architecture
from core.models.staged import StagedNetwork
from core.runs.directory import RunDirectory
from core.simulation import draw_cell
from core.training.fit import TrainingJob
from core.training.recipe import Recipe


def write_cells(root: Path, counts: dict[str, int], side: int = 64) -> Path:
    """A made-up tree in the layout of PBC."""
    rows = []
    for split, (part, count) in enumerate(counts.items()):
        for number in range(count):
            label = CLASSES[number % 5]
            folder = root / "pbc" / label
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{part}_{number}.png"
            Image.fromarray(draw_cell(label, 500_000 + split * 1000 + number, size=side).image).save(folder / name)
            rows.append({"img_name": name, "label": label.title(), "split": part})
    pd.DataFrame(rows).to_csv(root / "pbc" / "attributes.csv", index=False)
    return root


def build_plain(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """Two convolutions and a linear layer: nothing whose answer depends on the other images or on chance."""
    return _network(n_classes, nn.Identity(), nn.Identity())


def build_lively(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """The same with batch normalisation and dropout."""
    return _network(n_classes, nn.BatchNorm2d(8), nn.Dropout(0.3))


def _network(n_classes: int, norm: nn.Module, drop: nn.Module) -> StagedNetwork:
    first = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2, padding=2), norm, nn.ReLU())
    second = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), drop, nn.Linear(64, n_classes))
    return StagedNetwork({"first": first, "second": second, "classifier": head}, cut="second")


TOYS = {
    name: Architecture(name, name.title(), build, 32, None, "a test")
    for name, build in (("toy_plain", build_plain), ("toy_lively", build_lively))
}


def recipe_of(**fields: Any) -> Recipe:
    """A recipe of a second or two."""
    plain: dict[str, Any] = {
        "name": "toy",
        "architecture": "toy_lively",
        "patience": 0,
        "average": 0.5,
        "balance": 0.0,
        "data": {"framing": "frame"},
        "stages": [{"size": 32, "epochs": 2, "batch_size": 10, "learning_rate": 1e-3}],
    }
    return Recipe.model_validate(plain | fields)


def job_of(cells: Path, folder: Path, recipe: Recipe, resume: bool = False, run: str = "run") -> TrainingJob:
    """What `train` would make of `recipe` on `cells`, in the folder `run` of `folder`."""
    data = read_data(cells, "pbc")
    return TrainingJob(recipe, data, RunDirectory(folder / run), folder / "cache", lambda _: None, resume, place=cells)


if __name__ == "__main__":
    from core.cli.commands import command_line

    ARCHITECTURES.update(TOYS)
    command_line(["train"])()

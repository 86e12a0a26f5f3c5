"""A classifier whose truth is known: its first class is how bright the upper left quadrant is, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.models.card import ModelCard
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork

SIDE = 64
HALF = SIDE // 2
LABEL = "bright"


class Quadrant(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        level = 4 * pixels[:, 0, :HALF, :HALF].mean(dim=(1, 2)) - 2.2
        return torch.stack([level, -level], dim=1)


def classifier_of(stages: dict[str, nn.Module], cut: str, name: str = "toy", classes: Sequence[str] = ()) -> Classifier:
    card = ModelCard(
        name=name,
        title=name,
        architecture="toy",
        classes=tuple(classes) or (LABEL, "dark"),
        input_size=SIDE,
        framing="cell",
        parameters=10,
        weights_mb=0.1,
        weights_sha256="0" * 64,
        temperature=1.0,
    )
    return Classifier(name, card, StagedNetwork(stages, cut).eval(), "0" * 64)


def quadrant_classifier() -> Classifier:
    grey = nn.Conv2d(3, 2, 1, bias=False)
    with torch.no_grad():
        grey.weight.zero_()
        grey.weight[0] = 1 / 3
    return classifier_of({"grey": grey, "quadrant": Quadrant()}, "grey")


def quadrant(row: int, column: int) -> np.ndarray:
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    inside[row * HALF : (row + 1) * HALF, column * HALF : (column + 1) * HALF] = True
    return inside


def quadrant_scene(mask: bool = True) -> ImageContext:
    rgb = np.random.default_rng(5).integers(40, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    rgb[quadrant(0, 0)] += 100
    return ImageContext(rgb, quadrant(0, 0) if mask else None)


def explanation_of_map(
    classifier: Classifier, context: ImageContext, values: np.ndarray, method: str = "by hand", signed: bool = False
) -> Explanation:
    side, classes = classifier.card.input_size, classifier.card.classes
    maps = np.repeat(np.asarray(values, dtype=np.float32)[None], len(classes), axis=0)
    return Explanation(classifier.name, method, classes, maps, maps, context.picture(side), signed, "logit")


def conv_classifier(seed: int = 0, strength: float = 8.0, name: str = "conv") -> Classifier:
    """Random convolutions, then one mean and one linear layer."""
    torch.manual_seed(seed)
    last = nn.Linear(8, 3)
    with torch.no_grad():
        last.weight.mul_(strength)
    stages: dict[str, nn.Module] = {
        "first": nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        "second": nn.Sequential(nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        "third": nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()),
        "head": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last),
    }
    return classifier_of(stages, "third", name, (LABEL, "dark", "grey"))

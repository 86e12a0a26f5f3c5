"""Networks whose truth is known, as classifiers of any side, for the methods that hide parts of the picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from core.explanation.context import ImageContext
from core.explanation.method import Estimator, Method, Request
from core.models.card import ModelCard
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork
from core.settings import Value


class Plain(nn.Module):
    """Changes nothing; has a weight, as every network."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.weight


class Quadrant(nn.Module):
    """Logits (d, -d, 0): how much redder the upper half of the first quadrant is than its lower one.

    Divided by the quadrant's own spread, so that standardising the picture changes nothing: no pixel elsewhere counts.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        side = inputs.shape[-1]
        quadrant = inputs[:, 0, : side // 2, : side // 2]
        upper, lower = quadrant[:, : side // 4], quadrant[:, side // 4 :]
        spread = quadrant.std(dim=(1, 2)).clamp(min=1e-3)
        lead = 3 * (upper.mean(dim=(1, 2)) - lower.mean(dim=(1, 2))) / spread
        return torch.stack([lead, -lead, 0 * lead], dim=1)


def quadrant_network() -> StagedNetwork:
    return StagedNetwork({"see": Plain(), "answer": Quadrant()}, "see")


def random_network(classes: int = 3, seed: int = 0) -> StagedNetwork:
    """Two small convolutions with lively random weights."""
    torch.manual_seed(seed)
    see = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
    answer = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, classes))
    with torch.no_grad():
        for layer in (*see, *answer):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(3)
    return StagedNetwork({"see": see, "answer": answer}, "see")


def toy(network: StagedNetwork, side: int, classes: int = 3, parameters: int = 1000) -> Classifier:
    """A classifier of `side` px, which may be less than a real card allows; unlike names make unlike evaluators."""
    card = ModelCard.model_construct(
        name="toy",
        title="Toy",
        architecture="toy",
        classes=tuple("abcde"[:classes]),
        input_size=side,
        framing="cell",
        parameters=parameters,
        temperature=1.0,
        weights_sha256="0" * 64,
        bfloat16={},
    )
    return Classifier(f"toy-{side}-{id(network)}", card, network.eval(), "0" * 64)


def begin(method: Method, classifier: Classifier, context: ImageContext, seed: int = 0, **settings: Value) -> Estimator:
    """Start `method` in float32; `settings` are those that are not as by default, unchecked."""
    values = method.settings().model_copy(update=settings)
    return method.start(Request(method.name, classifier, context, values, seed))


def finish(estimator: Estimator) -> Estimator:
    """Run to the end of the budget."""
    while not estimator.done:
        before = estimator.evaluations
        estimator.advance()
        assert estimator.evaluations > before
    return estimator


def noise(side: int = 48, seed: int = 0) -> ImageContext:
    """A scene of random colours in blocks of 4 px."""
    blocks = np.random.default_rng(seed).integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
    return ImageContext(np.repeat(np.repeat(blocks, 4, axis=0), 4, axis=1))


def two_tone(side: int = 48) -> ImageContext:
    """Light above, dark below in the first quadrant; noise elsewhere."""
    picture = noise(side, 5).rgb.copy()
    picture[: side // 2, : side // 2] = 60
    picture[: side // 4, : side // 2] = 200
    return ImageContext(picture)


def even(side: int = 48) -> ImageContext:
    """A picture of one colour."""
    return ImageContext(np.full((side, side, 3), 120, dtype=np.uint8))

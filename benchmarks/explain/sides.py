"""The two sides of a comparison: our models and picture, and the same as a user of the upstream libraries has them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.classifier import Classifier
from core.explanation.controls import Settings
from core.explanation.engine import start
from core.explanation.estimator import Estimator
from core.explanation.scene import Scene
from core.models.staged import DTYPES
from core.preprocessing.framing import frame_image
from core.simulation import gallery
from core.transform import FLOOR, standardise

T = TypeVar("T")
LARGE = 10_000_000  # parameters
CELL = "neutrophil-1"  # of the gallery: the picture of every case


@dataclass(frozen=True)
class Sides:
    """A classifier of ours, and the upstream side: plain float32 network in the default layout, trainable as loaded."""

    classifier: Classifier

    @cached_property
    def view(self) -> NDArray[np.uint8]:
        """The framed picture that both explain."""
        image = next(cell for cell in gallery() if cell.key == CELL).cell().image
        return frame_image(image, self.classifier.card.framing).rgb

    def scene(self) -> Scene:
        """A scene that nothing is remembered of."""
        return Scene(self.view)

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        """The picture at the model's side, `(S, S, 3) uint8`."""
        return self.scene().picture(self.classifier.card.input_size)

    @cached_property
    def network(self) -> nn.Module:
        """Our network's copy as a user would have it: NCHW, float32, gradients wanted of every weight."""
        plain = copy.deepcopy(self.classifier.network).to(memory_format=torch.contiguous_format)
        return plain.requires_grad_(True)

    @cached_property
    def wrapped(self) -> nn.Module:
        """The network with its standardisation in front: takes pixels `(N, 3, S, S)` in [0, 1]."""
        return _Standardised(self.network).eval()

    def logits(self, pictures: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures `(N, S, S, 3)` in 0..255, in one batch, as in the libraries' examples."""
        with torch.no_grad():
            pixels = torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255).permute(0, 3, 1, 2).contiguous()
            return np.asarray(self.wrapped(pixels).numpy())

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities `(N, K)` as the page shows them."""
        logits = torch.from_numpy(self.logits(pictures))
        return np.asarray(torch.softmax(logits / self.classifier.card.temperature, dim=1).numpy())

    def fast_probabilities(self, precision: str) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
        """As `probabilities`, by our network for many evaluations."""
        network, dtype = self.classifier.inference_copy(precision), DTYPES[precision]

        def answer(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            with torch.no_grad():
                pixels = torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255).permute(0, 3, 1, 2)
                logits = network(standardise(pixels).to(dtype)).float()
            return np.asarray(torch.softmax(logits / self.classifier.card.temperature, dim=1).numpy())

        return answer

    def run(
        self, method: str, settings: Settings, seed: int = 0, precision: str = "auto", scene: Scene | None = None
    ) -> Estimator:
        """Our side, to the end of the budget, from a scene that nothing is remembered of."""
        estimator = start(method, self.classifier, scene or self.scene(), settings, seed, precision)
        while not estimator.done:
            estimator.advance()
        estimator.maps()
        return estimator


class _Standardised(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        mean = pixels.mean(dim=(2, 3), keepdim=True)
        deviation = pixels.std(dim=(2, 3), keepdim=True)
        return self.network((pixels - mean) / (deviation + FLOOR))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that one call takes, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def medians(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each, all warmed up and then in turns, so that a busy moment meets all alike."""
    for work in works:
        work()
    taken = [[timed(work)[0] for work in works] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


def seconds_a_pass(classifier: Classifier, precision: str, batch: int = 8, rounds: int = 7) -> float:
    """Median seconds a picture of the model's passes alone, without gradients, in batches, in `precision`."""
    side = classifier.card.input_size
    network = classifier.inference_copy(precision)
    inputs = torch.randn(batch, 3, side, side).to(next(network.parameters()).dtype)
    inputs = inputs.contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            network(inputs)

    return medians([forward], rounds)[0] / batch


def lowest_correlation(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """The lowest Pearson correlation of two stacks `(K, ...)`, item by item; those that are constant are left out."""
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(ours, theirs, strict=True)]
    found = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs if a.std() > 0 and b.std() > 0]
    return min(found) if found else float("nan")

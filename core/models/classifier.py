"""A trained model that answers: pictures made into its input, its network and card, and its `Prediction` of a
picture."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from core.errors import InputError
from core.models.card import ModelCard, Scaling
from core.models.devices import within_memory
from core.models.novelty import FeatureSpace
from core.models.staged import StagedNetwork, inference_copy

ON_PROCESSOR = "processor"  # the copy that takes over where a GPU has no room
FLOOR = 0.05  # added to the standard deviation, so that an even image is not blown up into noise


@dataclass(frozen=True)
class Prediction:
    """`logits` and `probabilities` `(K,) float32` in the order of `classes`; probabilities are temperature-scaled.

    `novelty` is the distance in feature space that `unfamiliar` compares with the card's threshold (None where the
    model has no such measure); `seconds` is the time of this picture's share of the batch.
    """

    model: str
    classes: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    novelty: float | None
    unfamiliar: bool
    seconds: float

    @property
    def predicted(self) -> str:
        """The class with the highest probability."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return float(self.probabilities.max())

    @property
    def margin(self) -> float:
        """The highest probability less the second highest."""
        first, second = np.sort(self.probabilities)[::-1][:2]
        return float(first - second)

    def runner_up(self, label: str) -> str | None:
        """The most probable class besides `label`; None where there is no other."""
        others = [place for place, name in enumerate(self.classes) if name != label]
        return self.classes[max(others, key=lambda place: self.probabilities[place])] if others else None


def resize(rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize `(H, W, 3) uint8` to `(size, size, 3)`: area averaging when shrinking, linear when enlarging."""
    shrinks = min(rgb.shape[:2]) > size
    resized = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def to_tensor(views: Sequence[NDArray[np.uint8]], size: int, scaling: Scaling | None = None) -> Tensor:
    """Stack RGB pictures of any size into `(N, 3, size, size) float32`, scaled as by `standardise`."""
    stacked = np.stack([resize(view, size) for view in views])  # (N, S, S, 3)
    return standardise(torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255.0, scaling)


def standardise(images: Tensor, scaling: Scaling | None = None) -> Tensor:
    """Bring each channel of each image `(N, 3, S, S)` in [0, 1] to mean 0 and deviation about 1.

    The statistics are the image's own, so that a shift of light or of stain strength does not reach the network; or
    those of `scaling`, which a network from elsewhere was trained with.
    """
    if scaling is not None:
        fixed = images.new_tensor([scaling.mean, scaling.deviation]).reshape(2, 1, 3, 1, 1)
        return ((images - fixed[0]) / fixed[1]).contiguous(memory_format=torch.channels_last)
    mean = images.mean(dim=(2, 3), keepdim=True)
    deviation = images.std(dim=(2, 3), keepdim=True)
    return ((images - mean) / (deviation + FLOOR)).contiguous(memory_format=torch.channels_last)


def logits_and_activations(network: StagedNetwork, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs `(N, 3, S, S)` -> logits `(N, K)` and activations `(N, C, h, w)` of the cut, without gradients.

    No channels, C = 0, where the network cannot be cut.
    """
    with torch.no_grad():
        if "feature map" in network.lacks:
            logits = network(inputs)
            return logits, logits.new_zeros((len(logits), 0, 1, 1))
        activations = network.features(inputs)
        return network.head(activations), activations


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network in evaluation mode with its card; many threads may share one.

    `feature_space` measures how unfamiliar a picture is, where the checkpoint has it. `folder` is the model folder that
    it was loaded from, so that another process can load the same.
    """

    name: str
    card: ModelCard
    network: StagedNetwork
    weights_sha256: str
    feature_space: FeatureSpace | None = None
    _inference_copies: dict[str, StagedNetwork] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)
    folder: Path | None = None

    @cached_property
    def identity(self) -> tuple[str, str, str]:
        """What decides a model's answers and how they are called: name, weights' SHA-256, card's SHA-256."""
        card = hashlib.sha256(self.card.model_dump_json().encode()).hexdigest()
        return self.name, self.weights_sha256, card

    def inference_copy(self, precision: str) -> StagedNetwork:
        """The network's copy for many evaluations in `precision`, made on first use; its weights take no gradients."""
        with self._lock:
            if precision not in self._inference_copies:
                self._inference_copies[precision] = inference_copy(self.network, precision)
            return self._inference_copies[precision]

    def tensor(self, views: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Framed RGB pictures of any size -> `(N, 3, S, S) float32` on the network's device."""
        return to_tensor(views, self.card.input_size, self.card.scaling).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights lie; the processor for a network that shows none."""
        first = next(self.network.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def run(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, 3, S, S)` -> logits `(N, K)` and activations `(N, C, h, w)` of the cut, without gradients.

        As `logits_and_activations`.
        """
        return logits_and_activations(self.network, inputs)

    def finite(self, logits: Tensor) -> Tensor:
        """Return `logits` as they are; InputError where one is not a finite number."""
        if not torch.isfinite(logits).all():
            raise InputError(f"{self.name}'s outputs are not finite numbers: its checkpoint is broken, copy it again.")
        return logits

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Logits `(N, K)` -> probabilities `(N, K)`, calibrated as those of `predict`."""
        return np.asarray(softmax(logits.astype(np.float64) / self.card.temperature, axis=1))

    def predict(self, views: Sequence[NDArray[np.uint8]], batch_size: int = 32) -> list[Prediction]:
        """Answer each framed RGB picture `(h, w, 3) uint8`."""
        answers: list[Prediction] = []
        for start in range(0, len(views), batch_size):
            answers += self._predict_batch(views[start : start + batch_size])
        return answers

    def _predict_batch(self, views: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        started = time.perf_counter()
        found = within_memory(self._logits_and_pooled, self.tensor(views), self._on_processor)
        logits, pooled = found[:, : len(self.card.classes)], found[:, len(self.card.classes) :]
        self.finite(logits)
        distances = self._distances(pooled)
        probabilities = torch.softmax(logits / self.card.temperature, dim=1)
        seconds = (time.perf_counter() - started) / len(views)
        rows = zip(logits.cpu().numpy(), probabilities.cpu().numpy(), distances, strict=True)
        return [self._prediction(*row, seconds) for row in rows]

    def _logits_and_pooled(self, inputs: Tensor) -> Tensor:
        """`(N, 3, S, S)` -> logits and pooled activations of the cut, side by side `(N, K + C)`."""
        logits, activations = self.run(inputs)
        return torch.cat([logits, activations.mean(dim=(2, 3))], dim=1)

    def _on_processor(self, inputs: Tensor) -> Tensor:
        with self._lock:
            if ON_PROCESSOR not in self._inference_copies:
                self._inference_copies[ON_PROCESSOR] = copy.deepcopy(self.network).to("cpu")
        logits, activations = logits_and_activations(self._inference_copies[ON_PROCESSOR], inputs)
        return torch.cat([logits, activations.mean(dim=(2, 3))], dim=1)

    def _distances(self, pooled: Tensor) -> list[float | None]:
        if self.feature_space is None or self.card.novelty is None:
            return [None] * len(pooled)
        return [float(value) for value in self.feature_space.distance(pooled.cpu())]

    def _prediction(
        self, logits: NDArray[np.float32], probabilities: NDArray[np.float32], distance: float | None, seconds: float
    ) -> Prediction:
        novelty = self.card.novelty
        strange = novelty is not None and distance is not None and distance > novelty.threshold
        return Prediction(self.name, self.card.classes, logits, probabilities, distance, strange, seconds)

"""Score-CAM: feature maps weighted by what the model says of the picture seen through each of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.context import nbytes_of
from core.explanation.method import Estimator, LayerSettings, Maps, Method, Request, block_size, one_step
from core.models.staged import DTYPES, StagedNetwork
from core.settings import number_field

MOST_CHANNELS = 2048

SMALL = 1e-8  # as upstream, against division by a range of 0


class ScoreCamSettings(LayerSettings):
    """Settings of Score-CAM."""

    budget_name = "evaluations"

    evaluations: int = number_field(
        MOST_CHANNELS,
        1,
        MOST_CHANNELS,
        "Channels",
        "Channels evaluated at most, the strongest activations first; all of them where there are fewer.",
    )


class ScoreCam(Estimator):
    """One pass a channel serves all classes; the channels with the strongest activations go first.

    Channels that are the same everywhere hide everything, so that one pass stands for all of them; it comes last.
    """

    request: Request[ScoreCamSettings]

    def __init__(self, request: Request[ScoreCamSettings]) -> None:
        super().__init__(request)
        self._network = request.classifier.inference_copy(request.precision)
        self._block_size = block_size(request.classifier)
        self._inputs: Tensor | None = None  # (1, 3, S, S), standardised
        self._activations = torch.empty(0)  # (C, h, w)
        self._order: list[int] = []  # channels to evaluate
        self._flat: NDArray[np.int64] = np.empty(0, np.int64)  # all share the outputs of the first
        self._logits: list[NDArray[np.float64]] = []  # (K,) in that order

    @property
    def evaluations(self) -> int:
        """Channels evaluated."""
        return len(self._logits)

    @property
    def done(self) -> bool:
        """Whether the budget is spent or every channel was evaluated."""
        return self.evaluations >= self.budget or (self._inputs is not None and self.evaluations == len(self._order))

    @property
    def nbytes(self) -> int:
        """Of its own arrays; the activations are the context's."""
        return nbytes_of(self._inputs, self._flat, self._logits)

    def advance(self) -> None:
        """Evaluate some more channels."""
        if self._inputs is None:
            self._start()
        one_step(self._block, lambda: not self.done)

    def _start(self) -> None:
        request = self.request
        classifier, layer = request.classifier, request.settings.layer or request.classifier.network.cut
        inputs = classifier.tensor([request.context.rgb])
        self._activations = request.context.shared(
            ("activations", classifier.identity, layer), lambda: _activations(classifier.network, inputs, layer)
        )
        places = self._activations.flatten(1)  # (C, h*w)
        flat = places.amax(dim=1) == places.amin(dim=1)
        strongest = places.square().sum(dim=1).argsort(descending=True, stable=True)
        self._flat = flat.nonzero()[:, 0].cpu().numpy()
        self._order = [int(channel) for channel in strongest if not flat[channel]] + self._flat[:1].tolist()
        self._inputs = inputs

    def _block(self) -> None:
        assert self._inputs is not None
        channels = self._order[self.evaluations :][: min(self._block_size, self.budget - self.evaluations)]
        with torch.no_grad():
            seen = self._inputs * self._masks(channels)[:, None]  # (n, 3, S, S)
            seen = seen.to(DTYPES[self.request.precision]).contiguous(memory_format=torch.channels_last)
            logits = self.request.classifier.finite(self._network(seen).double())
        self._logits += list(logits.cpu().numpy())

    def _masks(self, channels: list[int]) -> Tensor:
        """Each channel, enlarged and brought to [0, 1]: `(n, S, S)`; 0 where it is the same everywhere (eq. 8)."""
        side = self.request.side
        chosen = self._activations[channels]
        large = torch.nn.functional.interpolate(chosen[:, None], (side, side), mode="bilinear", align_corners=True)[
            :, 0
        ]
        low, high = large.amin(dim=(1, 2), keepdim=True), large.amax(dim=(1, 2), keepdim=True)
        masks = (large - low) / (high - low + SMALL)
        flat = chosen.amax(dim=(1, 2), keepdim=True) == chosen.amin(dim=(1, 2), keepdim=True)
        return torch.where(flat, 0.0, masks)

    def maps(self) -> Maps:
        """Positive part of the maps `(K, h, w)` of the channels so far, weighted by their softmax for each class."""
        if not self._logits:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        channels, logits = np.array(self._order[: self.evaluations]), np.stack(self._logits)
        if channels[-1] in self._flat:  # one pass for all
            channels = np.concatenate([channels[:-1], self._flat])
            logits = np.concatenate([logits[:-1], np.repeat(logits[-1:], len(self._flat), axis=0)])
        weights = np.exp(logits - logits.max(axis=0))
        weights /= weights.sum(axis=0)  # (n, K)
        chosen = self._activations.cpu().numpy()[channels]  # (n, h, w)
        native = np.maximum(np.einsum("nk,nhw->khw", weights, chosen), 0).astype(np.float32)
        return Maps(native, note=self._note(len(channels)))

    def _note(self, seen: int) -> str:
        total = len(self._activations)
        flat = f" {len(self._flat):,} are even everywhere and share one evaluation." if len(self._flat) > 1 else ""
        return f"{seen:,} of {total:,} channels, the strongest first.{flat}"


def _activations(network: StagedNetwork, inputs: Tensor, layer: str) -> Tensor:
    with torch.no_grad():
        return network.features(inputs, layer)[0].float().contiguous()


SCORE_CAM = Method(
    "scorecam",
    "Score-CAM",
    "masks",
    False,
    "logit",
    "Wang et al. 2020, eq. 7 to 9, with pytorch-grad-cam's weights",
    "Shows the model its picture through each feature map, adds the maps up by the softmax of the logits it then "
    "gives, and keeps the positive part. No gradients; one evaluation a channel.",
    ScoreCam,
    ScoreCamSettings,
    needs=("feature map",),
)

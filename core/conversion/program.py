"""What is exported of a model: from a picture in [0, 1] to probabilities, and with them Grad-CAM of every class and the
distance that tells unfamiliar pictures.

A runtime for phones computes no gradients, so that Grad-CAM's are worked out by hand. Its weight of a feature map is
the mean over the map's places of the gradient of a class's logit (Selvaraju et al. 2017, eq. 1). Between the map and
the dense layers our heads only normalise by channel and pool: normalisation multiplies the gradient by its scale, and
pooling, by maximum or by mean, hands it down to other places without changing its sum. The gradient at the first
dense layer, which the chain rule gives layer by layer, is therefore all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.errors import InputError
from core.models.classifier import FLOOR, Classifier
from core.models.novelty import FeatureSpace
from core.models.staged import StagedNetwork

Slope = Callable[[Tensor], Tensor]

SLOPES: dict[type[nn.Module], Slope] = {  # derivative of an activation at its input
    nn.ReLU: lambda x: (x > 0).to(x.dtype),
    nn.Tanh: lambda x: 1 - torch.tanh(x) ** 2,
    nn.Hardswish: lambda x: torch.where(x > 3, 1.0, torch.where(x < -3, 0.0, x / 3 + 0.5)),
}
SILENT_LAYERS = (nn.Dropout, nn.Dropout2d, nn.Identity)  # that do nothing in evaluation
POOLED = (nn.MaxPool2d, nn.AdaptiveAvgPool2d)


class StandardisedInput(nn.Module):
    """`(N, 3, S, S)` in [0, 1] -> what the network takes, as `core.models.classifier.standardise`, in operators that
    every runtime has."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        scaling = classifier.card.scaling
        self._own = scaling is None
        mean, deviation = ((0.0,) * 3, (1.0,) * 3) if scaling is None else (scaling.mean, scaling.deviation)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Scale each picture by its own statistics, or by fixed ones."""
        if not self._own:
            return (image - self.mean) / self.deviation
        centred = image - image.mean(dim=(2, 3), keepdim=True)
        places = image.shape[2] * image.shape[3]
        variance = (centred * centred).sum(dim=(2, 3), keepdim=True) / (places - 1)
        return centred / (variance.sqrt() + FLOOR)


class CamHead(nn.Module):
    """Activations `(N, C, h, w)` of the cut -> logits `(N, K)` and Grad-CAM `(N, K, h, w)`, before any enlargement.

    InputError where the head is of another kind than the module's text says.
    """

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        names = list(network.stages)
        layers = [layer for name in names[names.index(network.cut) + 1 :] for layer in _flat(network.stages[name])]
        layers = [layer for layer in layers if not isinstance(layer, SILENT_LAYERS)]
        kinds = [type(layer) for layer in layers]
        place = kinds.index(nn.Flatten) if nn.Flatten in kinds else len(kinds)
        spatial, dense = layers[:place], layers[place + 1 :]
        fits = all(isinstance(layer, (nn.BatchNorm2d, *POOLED)) for layer in spatial)
        fits &= all(isinstance(layer, nn.Linear) or type(layer) in SLOPES for layer in dense)
        if not (fits and dense and isinstance(dense[-1], nn.Linear) and isinstance(dense[0], nn.Linear)):
            raise InputError(
                "Maps can be exported of networks whose last layers normalise, pool and are dense; this one has others "
                f"({', '.join(dict.fromkeys(kind.__name__ for kind in kinds))}). Export it without --with-maps."
            )
        self.spatial, self.dense = nn.Sequential(*spatial), nn.ModuleList(dense)
        self._slopes = [SLOPES.get(type(layer)) for layer in dense]

    def forward(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Run the head, and go back through it by the chain rule for all classes at once."""
        pooled = self.spatial(activations)
        inputs: list[Tensor] = []
        value = pooled.flatten(1)
        for layer in self.dense:
            inputs.append(value)
            value = layer(value.clone())  # torchvision's activations write over what they are given
        gradient = cast(Tensor, self.dense[-1].weight).unsqueeze(0)  # (1, K, D)
        for place in reversed(range(len(inputs) - 1)):
            slope = self._slopes[place]
            if slope is None:
                gradient = torch.matmul(gradient, cast(Tensor, self.dense[place].weight))
            else:
                gradient = gradient * slope(inputs[place]).unsqueeze(1)
        channels = activations.shape[1]
        sums = gradient.reshape(gradient.shape[0], gradient.shape[1], channels, -1).sum(dim=3)  # (N or 1, K, C)
        weights = sums * self._scale(channels) / (activations.shape[2] * activations.shape[3])
        flat = activations.flatten(2)  # (N, C, h w)
        maps = torch.matmul(weights, flat).reshape(-1, weights.shape[1], *activations.shape[2:])
        return value, torch.relu(maps)

    def _scale(self, channels: int) -> Tensor:
        """By what the normalisations multiply a gradient, `(C,)`."""
        scale = torch.ones(channels)
        for layer in self.spatial:
            if isinstance(layer, nn.BatchNorm2d):
                scale = scale * layer.weight / torch.sqrt(cast(Tensor, layer.running_var) + layer.eps)
        return scale


def _flat(stage: nn.Module) -> list[nn.Module]:
    """The layers of nested sequences, in their order."""
    if isinstance(stage, nn.Sequential):
        return [layer for part in stage for layer in _flat(part)]
    return [stage]


class NoveltyDistance(nn.Module):
    """Activations `(N, C, h, w)` -> `(N,)`, as `FeatureSpace.distance` of their means."""

    centre: Tensor
    whitening: Tensor
    means: Tensor
    residual_scale: Tensor
    basis: Tensor

    def __init__(self, space: FeatureSpace) -> None:
        super().__init__()
        for name in ("centre", "whitening", "means", "residual_scale", "basis"):
            self.register_buffer(name, getattr(space, name).float())

    def forward(self, activations: Tensor) -> Tensor:
        """Mahalanobis' distance to the nearest class mean, and what lies outside the directions kept."""
        shifted = normalize(activations.mean(dim=(2, 3)), dim=1) - self.centre
        inside = shifted @ self.whitening
        nearest = ((inside.unsqueeze(1) - self.means.unsqueeze(0)) ** 2).sum(dim=2).amin(dim=1)
        rest = shifted - (shifted @ self.basis) @ self.basis.T
        outside = (rest * rest).sum(dim=1) / self.residual_scale**2
        return torch.sqrt(nearest / self.whitening.shape[1] + outside)


class ExportedModel(nn.Module):
    """A picture `image` `(N, 3, S, S) float32`, RGB in [0, 1] -> `probabilities` `(N, K)`, calibrated by the card's
    temperature.

    With `maps` also `maps` `(N, K, h, w)`, and `novelty` `(N,)` where the model measures it. InputError for a model
    that is a program already, or has a head that no maps can be exported of.
    """

    def __init__(self, classifier: Classifier, maps: bool = False) -> None:
        super().__init__()
        if "weights" in classifier.network.lacks:
            raise InputError(f"{classifier.name} is an ONNX file already: copy its model.onnx.")
        if maps and "feature map" in classifier.network.lacks:
            raise InputError(f"No maps can be exported of {classifier.name}: it cannot be cut at a feature map.")
        self.standardised = StandardisedInput(classifier)
        self.network = classifier.inference_copy("float32")
        self.temperature = float(classifier.card.temperature)
        self.cam = CamHead(self.network) if maps else None
        space = classifier.feature_space if maps and classifier.card.novelty is not None else None
        self.distance = None if space is None else NoveltyDistance(space)
        self.eval()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives, in order."""
        named = {"probabilities": True, "maps": self.cam is not None, "novelty": self.distance is not None}
        return tuple(name for name, there in named.items() if there)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Answer, and map where that was asked for."""
        inputs = self.standardised(image)
        if self.cam is None:
            return (torch.softmax(self.network(inputs) / self.temperature, dim=1),)
        activations = self.network.features(inputs)
        logits, maps = self.cam(activations)
        found = (torch.softmax(logits / self.temperature, dim=1), maps)
        return found if self.distance is None else (*found, self.distance(activations))

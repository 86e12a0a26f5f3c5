"""How unlike anything seen in training a picture is: a distance in the network's own feature space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DIRECTIONS = 64  # principal directions kept

SHRINKAGE = 0.05  # towards a round covariance, so that thin directions do not rule


@dataclass(frozen=True)
class FeatureSpace:
    """Class means `(K, D)` and a whitening `(C, D)` of pooled, unit-length features about `centre` `(C,)`.

    The distance is Mahalanobis' to the nearest class mean (Lee et al. 2018, eq. 2, one shared covariance), on the
    principal directions of the training features, plus what lies outside them in units of its training deviation.
    """

    centre: Tensor
    whitening: Tensor
    means: Tensor
    residual_scale: Tensor
    basis: Tensor

    def distance(self, features: Tensor) -> Tensor:
        """Distances `(N,)` of pooled features `(N, C)`."""
        shifted = torch.nn.functional.normalize(features, dim=1) - self.centre
        inside = shifted @ self.whitening  # (N, D)
        nearest = torch.cdist(inside, self.means).amin(dim=1)
        outside = (shifted - shifted @ self.basis @ self.basis.T).norm(dim=1) / self.residual_scale
        return torch.sqrt(nearest**2 / self.whitening.shape[1] + outside**2)

    def tensors(self) -> dict[str, Tensor]:
        """The measure as named tensors, to keep beside the weights."""
        return {f"novelty.{name}": getattr(self, name).contiguous() for name in self.__dataclass_fields__}


def fit_feature_space(features: Tensor, labels: Tensor) -> FeatureSpace:
    """Fit the measure on pooled training features `(N, C)` and labels `(N,)`."""
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    centre = unit.mean(dim=0)
    count = min(DIRECTIONS, features.shape[1] - 1, len(features) - 1)
    basis = torch.linalg.svd(unit - centre, full_matrices=False).Vh[:count].T  # (C, D)
    inside = (unit - centre) @ basis
    classes = [inside[labels == label] for label in labels.unique()]
    within = torch.cat([rows - rows.mean(dim=0) for rows in classes])
    covariance = within.T @ within / len(within)
    covariance += SHRINKAGE * covariance.diagonal().mean() * torch.eye(count, dtype=covariance.dtype)
    values, vectors = torch.linalg.eigh(covariance)
    whitening = vectors / values.sqrt()  # (D, D)
    means = torch.stack([rows.mean(dim=0) for rows in classes]) @ whitening
    residual = (unit - centre - inside @ basis.T).norm(dim=1)
    scale = residual.square().mean().sqrt().clamp_min(1e-6)
    tensors = (centre, basis @ whitening, means, scale, basis)
    return FeatureSpace(*(tensor.float() for tensor in tensors))


def read_feature_space(tensors: dict[str, Tensor]) -> FeatureSpace | None:
    """Rebuild the measure from a checkpoint's tensors; None when it holds none."""
    names = [f"novelty.{name}" for name in FeatureSpace.__dataclass_fields__]
    if not all(name in tensors for name in names):
        return None
    return FeatureSpace(*(tensors[name].float() for name in names))

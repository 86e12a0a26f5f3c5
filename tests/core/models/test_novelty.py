"""Novelty: Mahalanobis' distance in feature space."""

from __future__ import annotations

import torch

from core.models.novelty import fit_feature_space, read_feature_space


def clusters(count: int = 600, width: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    centres = torch.zeros(3, width)
    centres[torch.arange(3), torch.arange(3)] = 5
    spread = torch.linspace(0.6, 0.1, width)
    return centres[labels] + 1 + spread * torch.randn(count, width, generator=random), labels


def test_distance_is_mahalanobis_when_nothing_lies_outside_the_kept_directions() -> None:
    features, labels = clusters()
    space = fit_feature_space(features, labels)
    unit = torch.nn.functional.normalize(features.double(), dim=1)
    means = torch.stack([unit[labels == k].mean(0) for k in range(3)])
    basis = space.basis.double()
    within = torch.cat([unit[labels == k] - means[k] for k in range(3)]) @ basis
    covariance = within.T @ within / len(within)
    covariance += 0.05 * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.double)
    inverse = torch.linalg.inv(covariance)
    probe = unit[:5]
    squared = torch.stack([((d := (probe - m) @ basis) @ inverse * d).sum(1) for m in means]).amin(0)
    inside = space.distance(features[:5]).double() ** 2 * len(covariance)
    residual = (probe - unit.mean(0)) - (probe - unit.mean(0)) @ basis @ basis.T
    outside = (residual.norm(dim=1) / space.residual_scale.double()) ** 2 * len(covariance)
    torch.testing.assert_close(inside, squared + outside, rtol=1e-2, atol=1e-2)


def test_what_is_far_from_every_class_is_farther_than_what_is_near() -> None:
    features, labels = clusters()
    space = fit_feature_space(features[:500], labels[:500])
    threshold = space.distance(features[500:]).quantile(0.95)
    strange = torch.ones(50, 40) + 0.6 * torch.randn(50, 40, generator=torch.Generator().manual_seed(1))
    strange[:, 20:30] += 4
    assert (space.distance(strange) > threshold).float().mean() > 0.95


def test_it_comes_back_from_its_tensors() -> None:
    features, labels = clusters()
    space = fit_feature_space(features, labels)
    again = read_feature_space(space.tensors())
    assert again is not None and torch.equal(again.distance(features), space.distance(features))
    assert read_feature_space({}) is None

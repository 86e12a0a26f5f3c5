"""Mixing pairs of training images: mixup and CutMix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from core.training.recipe import Recipe


@dataclass(frozen=True)
class Mixing:
    """How one batch is mixed: image i keeps `share` of itself and takes the rest from image `partners[i]`.

    `box` (top, bottom, left, right as shares of the side) is what comes from the partner in CutMix, None in mixup.
    """

    partners: Tensor
    share: float
    box: tuple[float, float, float, float] | None = None


def draw_mixing(recipe: Recipe, count: int, random: Generator) -> Mixing | None:
    """Draw a batch's mixing, None where the recipe asks for none; with both kinds, each batch takes one at random.

    Mixup: Zhang et al. 2018, eq. 1, one Beta(a, a) draw a batch. CutMix: Yun et al. 2019, eq. 1 and 2.
    """
    if not recipe.mixup and not recipe.cutmix:
        return None
    cuts = not recipe.mixup or (bool(recipe.cutmix) and float(torch.rand(1, generator=random)) < 0.5)
    strength = torch.full((2,), recipe.cutmix if cuts else recipe.mixup)
    first, second = torch._standard_gamma(strength, generator=random).clamp_min(1e-12).tolist()
    share = first / (first + second)
    partners = torch.randperm(count, generator=random)
    if not cuts:
        return Mixing(partners, share)
    side = (1 - share) ** 0.5
    row, column = torch.rand(2, generator=random).tolist()
    edges = [min(1.0, max(0.0, middle + half)) for middle in (row, column) for half in (-side / 2, side / 2)]
    return Mixing(partners, share, (edges[0], edges[1], edges[2], edges[3]))


def mixed(views: Tensor, others: Tensor, targets: Tensor, theirs: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
    """Mix `views` `(n, 3, S, S)` with their partners' `others`, and class shares `targets` `(n, K)` with `theirs`."""
    share = mixing.share
    if mixing.box is None:
        views = share * views + (1 - share) * others
    else:
        size = views.shape[-1]
        top, bottom, left, right = (round(edge * size) for edge in mixing.box)
        views = views.clone()
        views[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / size**2
    return views, share * targets + (1 - share) * theirs

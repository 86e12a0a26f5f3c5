"""Random changes to whole batches of images, on whatever device they lie. Random numbers are drawn for the whole batch,
and each process takes its part, so that several processes train as one does."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from core.training.recipe import AugmentRecipe

EPSILON = 1.0 / 255.0
COARSEST = 32  # px that a cell's cut-out has left of detail where it is blurred most


def seeded(*numbers: int, device: torch.device | str = "cpu") -> Generator:
    """A generator of its own for each (seed, epoch, step): a resumed run draws what an uninterrupted one would."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63)
    return Generator(device).manual_seed(seed)


class Draws:
    """Draws for `count` images, of which those numbered `part` `(n,) int64` are handed out, all by default.

    An image's numbers so depend on its place in the whole batch alone, not on how many processes share it.
    """

    def __init__(self, random: Generator, count: int, part: Tensor | None = None) -> None:
        self.random, self.total = random, count
        self.device = random.device
        self._part = None if part is None else part.to(self.device)

    @property
    def count(self) -> int:
        """How many images the numbers handed out are for."""
        return self.total if self._part is None else len(self._part)

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn if self._part is None else drawn[self._part]

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """`(n,)` uniform in [low, high)."""
        drawn = torch.rand(self.total, generator=self.random, device=self.device)
        return self._own(drawn * (high - low) + low)

    def normal(self, *shape: int) -> Tensor:
        """`(n, *shape)` standard normal."""
        return self._own(torch.randn(self.total, *shape, generator=self.random, device=self.device))

    def shared(self, low: float, high: float) -> float:
        """One number for the whole batch."""
        return float(torch.rand(1, generator=self.random, device=self.device)) * (high - low) + low

    def noise(self, chosen: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`(m, *shape)` standard normal for the m images where `chosen` `(n,)` is true, each from a seed of its own."""
        top = 2**31 - 1
        seeds = self._own(torch.randint(top, (self.total,), generator=self.random, device=self.device))
        rows = []
        for seed in seeds[chosen].tolist():
            generator = Generator(self.device).manual_seed(seed)
            rows.append(torch.randn(shape, generator=generator, device=self.device))
        return torch.stack(rows) if rows else torch.empty(0, *shape, device=self.device)


def augment(images: Tensor, reach: Tensor, size: int, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Turn packed images into training views.

    `images` `(N, 3, P, P) float32` in [0, 1]; `reach` `(N, 1, P, P) float32`: distance of each pixel from the nucleus
    as a share of the side, negative where no nucleus is known. Returns `(N, 3, size, size)` in [0, 1].
    """
    count = len(images)
    images = _tinted(images, reach, recipe.tint, draws)
    masked, limit = _masked(reach, recipe.mask, draws)
    images = torch.where(
        masked[:, None, None, None] & (reach > limit[:, None, None, None]), _fill(images, draws), images
    )
    centre, half = _boxes(reach, limit, masked)
    grid = F.affine_grid(_affine(centre, half, recipe, draws), [count, 3, size, size], align_corners=False)
    views = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    return _degrade(_restain(_bent(views, recipe.curve, draws), recipe, draws), recipe, draws)


def _tinted(images: Tensor, reach: Tensor, deviation: float, draws: Draws) -> Tensor:
    """Let the cell, not its surroundings, take up more light in each channel, as the cytoplasm does in other stains.

    The cell is what lies near the nucleus and is darker than the background; the optical density added to a channel
    is the absolute value of a normal draw. Images without a known nucleus stay as they are.
    """
    if not deviation:
        return images
    within = torch.sigmoid((draws.uniform(0.05, 0.25)[:, None, None, None] - reach) / 0.01) * (reach >= 0)
    light = images.flatten(2).amax(dim=2)[:, :, None, None]
    depth = 1 - (images / light.clamp_min(EPSILON)).mean(dim=1, keepdim=True)
    added = deviation * draws.normal(3, 1, 1).abs()
    return images * torch.exp(-added * within * ((depth - 0.1) / 0.1).clamp(0, 1))


def _masked(reach: Tensor, share: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """Which images are masked outside their cell, and how far from the nucleus the cell is taken to reach."""
    known = reach.amin(dim=(1, 2, 3)) >= 0
    return (draws.uniform() < share) & known, draws.uniform(0.02, 0.25)


def _fill(images: Tensor, draws: Draws) -> Tensor:
    """Black for most, the image's own brightest colour (its background) for some."""
    bright = images.amax(dim=(2, 3), keepdim=True)
    return bright * (draws.uniform() < 0.3).float()[:, None, None, None]


def _boxes(reach: Tensor, limit: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and half sides `(N, 2)`, in [-1, 1], of each masked cell's box; the whole view for the others."""
    inside = (reach[:, 0] <= limit[:, None, None]) & (reach[:, 0] >= 0)
    centre, half = reach.new_zeros(len(reach), 2), reach.new_ones(len(reach), 2)
    side = reach.shape[-1]
    for axis in (0, 1):
        line = inside.any(dim=1 + axis).float()  # x: any over rows; y: any over columns
        first = line.argmax(dim=1).float() / side * 2 - 1
        last = 1 - line.flip(1).argmax(dim=1).float() / side * 2
        centre[masked, axis] = ((first + last) / 2)[masked]
        half[masked, axis] = ((last - first) / 2)[masked].clamp_min(0.1)
    return centre, half


def _affine(centre: Tensor, half: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Random rotation, flip, zoom, slight stretch and shift, inside each image's box: `(N, 2, 3)`."""
    angle = draws.uniform(0, 2 * math.pi if recipe.rotate else 0)
    log_zoom = math.log(recipe.zoom)
    zoom = torch.exp(draws.uniform(-log_zoom, log_zoom))
    stretch = torch.exp(draws.uniform(-0.1, 0.1))
    flip = (draws.uniform() < 0.5).float() * 2 - 1
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [half[:, 0] * zoom * stretch * cos * flip, -half[:, 0] * zoom * sin]
    rows += [half[:, 1] * zoom * sin * flip, half[:, 1] * zoom / stretch * cos]
    matrix = torch.stack(rows, dim=1).view(-1, 2, 2)
    shift = centre + torch.stack([draws.uniform(-1, 1), draws.uniform(-1, 1)], 1) * 2 * recipe.shift
    return torch.cat([matrix, shift[:, :, None]], dim=2)


def _bent(views: Tensor, deviation: float, draws: Draws) -> Tensor:
    """Bend each channel's tones between background and nucleus by a random power, as another stain's cytoplasm lies.

    Background and darkest tone stay where they are, so that standardising an image does not undo the change.
    """
    if not deviation:
        return views
    coarse = F.avg_pool2d(views, max(1, views.shape[-1] // 16)).flatten(2)  # (N, 3, about 256)
    light, dark = coarse.amax(dim=2)[:, :, None, None], coarse.amin(dim=2)[:, :, None, None]
    depth = ((light - views) / (light - dark + EPSILON)).clamp_min(0.0)
    power = torch.exp(deviation * (draws.normal(1, 1, 1) + draws.normal(3, 1, 1)) / math.sqrt(2))
    return torch.where(views < light, light - depth**power * (light - dark), views).clamp(0, 1)


def _restain(views: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Mix the optical densities of the three channels at random, as another stain or camera would."""
    mixing = torch.eye(3, device=views.device) + recipe.stain * draws.normal(3, 3)
    strength = torch.exp(recipe.strength * draws.normal(1, 1))
    density = -torch.log(views.clamp(EPSILON, 1.0)).flatten(2)  # (N, 3, S*S)
    views = torch.exp(-(mixing * strength @ density).clamp_min(0.0)).view_as(views)
    views = (_hue_matrix(recipe, draws) @ views.flatten(2)).view_as(views).clamp(0, 1)
    grey = (draws.uniform() < recipe.grey)[:, None, None, None]
    return torch.where(grey, views.mean(dim=1, keepdim=True).expand_as(views), views)


def _hue_matrix(recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Rotate hue and scale saturation about the grey axis, keeping each pixel's mean: `(N, 3, 3)`."""
    angle = math.pi * draws.uniform(-recipe.hue, recipe.hue)
    saturation = draws.uniform(1 - recipe.saturation, 1 + recipe.saturation)
    root, device = math.sqrt(1 / 3), angle.device
    axis = torch.full((3, 3), 1 / 3, device=device)
    turn = torch.tensor([[0.0, -root, root], [root, 0.0, -root], [-root, root, 0.0]], device=device)
    plane = torch.eye(3, device=device) - axis
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    return axis + saturation[:, None, None] * (cos * plane + sin * turn)


def _degrade(views: Tensor, recipe: AugmentRecipe, draws: Draws) -> Tensor:
    """Blur some images as a smaller or unfocused picture would be, whatever the input size, and add noise to some."""
    size = views.shape[-1]
    blurred = draws.uniform() < recipe.blur
    small = int(math.exp(draws.shared(math.log(COARSEST), math.log(max(COARSEST + 1, 0.7 * size)))))
    if blurred.any():
        coarse = F.interpolate(views[blurred], size=(small, small), mode="area")
        views[blurred] = F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    noisy = draws.uniform() < recipe.noise
    views[noisy] += 0.03 * draws.noise(noisy, tuple(views.shape[1:]))
    return views.clamp(0, 1)

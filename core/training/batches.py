"""Batches for training and validation, drawn, augmented and mixed (mixup, CutMix) on the device from framed images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule, Trainer
from torch import Generator, Tensor

from core.data.framed_images import UNKNOWN, FramedImages
from core.errors import InputError
from core.models.classifier import standardise
from core.training.augment import Draws, augment, seeded
from core.training.recipe import Recipe

TrainBatch = tuple[Tensor, Tensor, int]  # views (n, 3, S, S), class shares (n, K), images of the whole batch
Batch = tuple[Tensor, Tensor, Tensor]  # views (n, 3, S, S), labels (n,), shares (n,) float64

MARGIN = 1.3  # framed images are kept this much larger than the training size, so that zooming in stays sharp


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


POWERS = {"root": 0.5, "equal": 0.0}  # of a source's number of images: how often it is drawn


def draw_weights(labels: Tensor, source: Tensor, balance: float, draw: str) -> Tensor:
    """How often each image is drawn, `(N,) float64`, up to a factor.

    With `draw` "size" classes are balanced over all images: 1 / (a class's number ** balance). With "root" and "equal"
    they are balanced so within each source, and a source's weights together are its number's square root, or 1.
    """
    if draw == "size":
        return (1.0 / torch.bincount(labels).clamp_min(1).double())[labels] ** balance
    weights = torch.zeros(len(labels), dtype=torch.double)
    for one in source.unique():
        own = source == one
        inside = draw_weights(labels[own], source[own], balance, "size")
        weights[own] = inside / inside.sum() * float(own.sum()) ** POWERS[draw]
    return weights


@dataclass(frozen=True)
class ProcessRank:
    """Where batches are made: the device, and which of `world` processes this is."""

    device: torch.device
    rank: int = 0
    world: int = 1

    def part(self, count: int) -> Tensor:
        """Numbers of this process's images among `count`, in order; sizes of the parts differ by one at most."""
        return torch.arange(count).tensor_split(self.world)[self.rank]


SINGLE_PROCESS = ProcessRank(torch.device("cpu"))


class TrainBatches:
    """One epoch of augmented batches, standardised; each process takes its part of every batch.

    Order, changes and mixing depend on seed, epoch, step and an image's place in the whole batch alone, so that a
    resumed run, or one over more processes, sees the same images.
    """

    def __init__(
        self, framed: FramedImages, recipe: Recipe, epoch: int, n_classes: int, process: ProcessRank = SINGLE_PROCESS
    ) -> None:
        self.framed, self.recipe, self.epoch, self.n_classes, self.process = framed, recipe, epoch, n_classes, process
        self.stage, self.augment = recipe.stage_at(epoch)[0], recipe.augment_at(epoch)
        labels = framed.labels.cpu()
        draws = self.stage.samples or len(labels)
        random = seeded(recipe.seed, epoch)
        weights = draw_weights(labels, framed.source, recipe.balance, recipe.data.draw)
        self.order = torch.multinomial(weights, draws, replacement=True, generator=random)
        if recipe.balance == 0 and recipe.data.draw == "size" and draws <= len(labels):
            self.order = torch.randperm(len(labels), generator=random)[:draws]
        if min(self.stage.batch_size, len(self.order)) < process.world:
            raise InputError(f"A batch of fewer images than the {process.world} processes: use fewer devices.")

    def __len__(self) -> int:
        return max(1, len(self.order) // self.stage.batch_size)

    def __iter__(self) -> Iterator[TrainBatch]:
        size = self.stage.batch_size
        for step in range(len(self)):
            yield self._batch(self.order[step * size : (step + 1) * size], step)

    def _batch(self, chosen: Tensor, step: int) -> TrainBatch:
        """This process's part of the batch of images `chosen` `(B,)`; with mixing, the partners' views are made too."""
        mine = self.process.part(len(chosen))
        mixing = draw_mixing(self.recipe, len(chosen), seeded(self.recipe.seed, self.epoch, step, 1))
        needed = mine if mixing is None else torch.cat([mine, mixing.partners[mine]]).unique()
        random = seeded(self.recipe.seed, self.epoch, step, device=self.process.device)
        views = standardise(self._views(chosen[needed], Draws(random, len(chosen), needed)))
        labels = self.framed.labels[chosen[needed]].to(self.process.device)
        targets = F.one_hot(labels, self.n_classes).float()
        if mixing is not None:
            own, other = (torch.searchsorted(needed, places) for places in (mine, mixing.partners[mine]))
            views, targets = mixed(views[own], views[other], targets[own], targets[other], mixing)
        return views, targets, len(chosen)

    def _views(self, chosen: Tensor, draws: Draws) -> Tensor:
        images = self.framed.images[chosen].to(self.process.device).float() / 255.0
        if not self.augment.on:
            return resized(images, self.stage.size)
        reach = self.framed.reach[chosen].to(self.process.device).float()
        reach = torch.where(reach == UNKNOWN, -torch.ones((), device=reach.device), reach / 254.0)
        return augment(images, reach, self.stage.size, self.augment, draws)


def resized(images: Tensor, size: int) -> Tensor:
    """`(n, 3, P, P)` in [0, 1] at another side in px, as they are where it is the same."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


class ValidationBatches:
    """Every image once, unchanged, at the stage's size; each process takes its part of every batch, maybe none.

    An image's share is 1 where all are of one source; of several sources each counts as much as every other.
    """

    def __init__(
        self, framed: FramedImages, size: int, batch_size: int = 64, process: ProcessRank = SINGLE_PROCESS
    ) -> None:
        self.framed, self.size, self.batch_size, self.process = framed, size, batch_size, process
        counts = torch.bincount(framed.source.cpu())
        self.shares = (len(framed.labels) / len(counts) / counts.double())[framed.source.cpu()]

    def __len__(self) -> int:
        return math.ceil(len(self.framed.labels) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.framed.labels), self.batch_size):
            count = min(self.batch_size, len(self.framed.labels) - start)
            chosen = start + self.process.part(count)
            labels = self.framed.labels[chosen].to(self.process.device)
            if len(chosen) == 0:
                yield torch.zeros(0, 3, self.size, self.size, device=self.process.device), labels, self.shares[chosen]
                continue
            images = self.framed.images[chosen].to(self.process.device).float() / 255.0
            yield standardise(resized(images, self.size)), labels, self.shares[chosen].to(self.process.device)


class CellData(LightningDataModule):
    """Gives the trainer each epoch's batches at the input size of the recipe's current stage."""

    def __init__(self, train: FramedImages, validation: FramedImages, recipe: Recipe, n_classes: int) -> None:
        super().__init__()
        self.train, self.validation, self.recipe, self.n_classes = train, validation, recipe, n_classes
        self._kept = (0, train)

    def _epoch(self) -> int:
        return self.trainer.current_epoch if isinstance(self.trainer, Trainer) else 0

    def _process(self) -> ProcessRank:
        if not isinstance(self.trainer, Trainer):
            return SINGLE_PROCESS
        return ProcessRank(self.trainer.strategy.root_device, self.trainer.global_rank, self.trainer.world_size)

    def train_dataloader(self) -> TrainBatches:
        """Batches of the current epoch; the framed images are shrunk, and moved to a GPU with room, once a stage."""
        epoch, process = self._epoch(), self._process()
        size = self.recipe.stage_at(epoch)[0].size
        side = round(size * MARGIN) if self.recipe.augment_at(epoch).on else size
        if side != self._kept[0]:
            self._kept = side, moved(self.train.at(side), process.device)
        return TrainBatches(self._kept[1], self.recipe, epoch, self.n_classes, process)

    def val_dataloader(self) -> ValidationBatches:
        """The validation set at the current stage's size."""
        return ValidationBatches(self.validation, self.recipe.stage_at(self._epoch())[0].size, process=self._process())


def moved(framed: FramedImages, device: torch.device) -> FramedImages:
    """The images on a GPU where it takes less than half of its free memory; itself otherwise."""
    if device.type != "cuda" or framed.images.nbytes * 4 / 3 > torch.cuda.mem_get_info(device)[0] / 2:
        return framed
    return replace(framed, images=framed.images.to(device), reach=framed.reach.to(device))

"""Batches for training and validation, drawn and augmented on the device from packed images."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule, Trainer
from torch import Generator, Tensor

from core.data.pack import UNKNOWN, Pack
from core.training.augment import augment
from core.training.recipe import Recipe
from core.transform import standardise

MARGIN = 1.3  # packed images are kept this much larger than the training size, so that zooming in stays sharp
Batch = tuple[Tensor, Tensor]


def seeded(*numbers: int) -> Generator:
    """A generator of its own for each (seed, epoch, step): a resumed run draws what an uninterrupted one would."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63)
    return Generator().manual_seed(seed)


class TrainBatches:
    """One epoch of augmented batches: `(N, 3, S, S) float32` standardised, `(N,) int64`."""

    def __init__(self, pack: Pack, recipe: Recipe, epoch: int) -> None:
        self.pack, self.recipe, self.epoch = pack, recipe, epoch
        self.stage, _ = recipe.stage_at(epoch)
        counts = torch.bincount(pack.labels).clamp_min(1).double()
        weights = (1.0 / counts)[pack.labels] ** recipe.balance
        draws = self.stage.samples or len(pack.labels)
        random = seeded(recipe.seed, epoch)
        self.order = torch.multinomial(weights, draws, replacement=True, generator=random)
        if recipe.balance == 0 and draws <= len(pack.labels):
            self.order = torch.randperm(len(pack.labels), generator=random)[:draws]

    def __len__(self) -> int:
        return max(1, len(self.order) // self.stage.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        size = self.stage.batch_size
        for step in range(len(self)):
            chosen = self.order[step * size : (step + 1) * size]
            images = self.pack.images[chosen].float() / 255.0
            reach = self.pack.reach[chosen].float()
            reach = torch.where(reach == UNKNOWN, -torch.ones(()), reach / 254.0)
            random = seeded(self.recipe.seed, self.epoch, step)
            views = augment(images, reach, self.stage.size, self.stage.augment or self.recipe.augment, random)
            yield standardise(views), self.pack.labels[chosen]


class ValidationBatches:
    """Every image once, unchanged, at the stage's size."""

    def __init__(self, pack: Pack, size: int, batch_size: int = 64) -> None:
        self.pack, self.size, self.batch_size = pack, size, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.pack.labels) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.pack.labels), self.batch_size):
            images = self.pack.images[start : start + self.batch_size].float() / 255.0
            views = F.interpolate(images, size=self.size, mode="bilinear", antialias=True, align_corners=False)
            yield standardise(views.clamp(0, 1)), self.pack.labels[start : start + self.batch_size]


class CellData(LightningDataModule):
    """Gives the trainer each epoch's batches at the input size of the recipe's current stage."""

    def __init__(self, train: Pack, validation: Pack, recipe: Recipe) -> None:
        super().__init__()
        self.train, self.validation, self.recipe = train, validation, recipe
        self._side, self._train = 0, train

    def _epoch(self) -> int:
        return self.trainer.current_epoch if isinstance(self.trainer, Trainer) else 0

    def train_dataloader(self) -> TrainBatches:
        """Batches of the current epoch; the packed images are shrunk once a stage."""
        epoch = self._epoch()
        side = round(self.recipe.stage_at(epoch)[0].size * MARGIN)
        if side != self._side:
            self._side, self._train = side, self.train.at(side)
        return TrainBatches(self._train, self.recipe, epoch)

    def val_dataloader(self) -> ValidationBatches:
        """The validation set at the current stage's size."""
        return ValidationBatches(self.validation, self.recipe.stage_at(self._epoch())[0].size)

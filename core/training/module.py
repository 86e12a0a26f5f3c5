"""The Lightning module: loss, optimiser, averaged weights, accuracy per epoch."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from core.models.staged import StagedNetwork
from core.training.batches import Batch, seeded
from core.training.recipe import Recipe

OPTIMISERS: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam}
WARM_UP = 0.1  # share of a stage's steps in which the learning rate rises


class CellModule(LightningModule):
    """Trains `network`; `averaged` follows its weights as a moving average and is what is validated and kept.

    BatchNorm's statistics are taken into the average as they are: averaged ones would lag behind.
    """

    def __init__(self, network: StagedNetwork, recipe: Recipe, n_classes: int) -> None:
        super().__init__()
        self.network, self.recipe, self.n_classes = network, recipe, n_classes
        self.averaged = copy.deepcopy(network).requires_grad_(False)
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._confusion = torch.zeros(n_classes, n_classes)
        self._sums = {"train_loss": 0.0, "train_correct": 0.0, "train_count": 0.0, "val_loss": 0.0}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Weight decay on weights alone, not on biases and normalisation."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimiser: torch.optim.Optimizer = OPTIMISERS[self.recipe.optimiser](groups, lr=1e-3)
        return optimiser

    def on_train_epoch_start(self) -> None:
        """Start the average anew with each stage: weights of another input size do not belong into it."""
        if self.recipe.stage_at(self.current_epoch)[1] == 0:
            self.steps.zero_()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate: a short rise, then half a cosine, in each stage anew."""
        stage, epoch = self.recipe.stage_at(self.current_epoch)
        per_epoch = int(self.trainer.num_training_batches)
        done = (epoch * per_epoch + batch_idx) / (stage.epochs * per_epoch)
        falling = stage.final_rate + (1 - stage.final_rate) * 0.5 * (1 + math.cos(math.pi * done))
        rate = stage.learning_rate * min(falling, (done + 1e-3) / WARM_UP)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        torch.manual_seed(seeded(self.recipe.seed, self.current_epoch, batch_idx).initial_seed())

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross-entropy with label smoothing."""
        views, labels = batch
        logits = self.network(views).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        self._sums["train_loss"] += float(loss.detach()) * len(labels)
        self._sums["train_correct"] += float((logits.argmax(1) == labels).sum())
        self._sums["train_count"] += len(labels)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Move the averaged weights towards the trained ones."""
        self.steps += 1
        decay = min(self.recipe.average, (1 + float(self.steps)) / (10 + float(self.steps)))
        decay = decay if self.recipe.average else 0.0
        with torch.no_grad():
            for kept, new in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
            for held, current in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                held.copy_(current)

    def on_validation_epoch_start(self) -> None:
        """Start the confusion matrix anew."""
        self._confusion.zero_()
        self._sums["val_loss"] = 0.0
        self.averaged.eval()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count the averaged network's answers."""
        views, labels = batch
        logits = self.averaged(views).float()
        self._sums["val_loss"] += float(F.cross_entropy(logits, labels, reduction="sum"))
        pairs = (labels * self.n_classes + logits.argmax(1)).cpu()
        counts = torch.bincount(pairs, minlength=self.n_classes**2)
        self._confusion += counts.view(self.n_classes, self.n_classes)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's figures."""
        total = float(self._confusion.sum())
        recalls = self._confusion.diag() / self._confusion.sum(1).clamp_min(1)
        count = max(1.0, self._sums["train_count"])
        self.log("val_accuracy", float(self._confusion.diag().sum()) / max(1.0, total))
        self.log("val_mean_recall", float(recalls.mean()))
        self.log("val_loss", self._sums["val_loss"] / max(1.0, total))
        self.log("train_loss", self._sums["train_loss"] / count)
        self.log("train_accuracy", self._sums["train_correct"] / count)
        self._sums.update(train_loss=0.0, train_correct=0.0, train_count=0.0)


def kept_network(module: CellModule) -> nn.Module:
    """The network that a run keeps: the averaged one."""
    return module.averaged

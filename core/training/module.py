"""The Lightning module: loss, optimiser, averaged weights, accuracy per epoch, and `Diverged` where the loss is
lost."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import Tensor

from core.errors import InputError
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork
from core.training.augment import seeded
from core.training.batches import Batch, TrainBatch
from core.training.recipe import Recipe

OPTIMISERS: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam}
WARM_UP = 0.1  # share of a stage's steps in which the learning rate rises
TEACHING_TEMPERATURE = 1.5  # softens the answers of teacher and pupil
LOOK_EVERY = 20  # steps between looks at the loss on a GPU, which has to be waited for
SUMS = ("train_loss", "train_correct", "train_count", "val_loss")


class Diverged(InputError):
    """The loss became infinite or no number at `step` of `epoch` (both from 0)."""

    def __init__(self, epoch: int, step: int) -> None:
        self.epoch, self.step = epoch, step
        super().__init__(
            f"The loss is no finite number any more in epoch {epoch + 1}, step {step + 1}: training has diverged. The "
            "state after the last good epoch is kept. Go on from there with --resume and a smaller --learning-rate "
            "(a tenth, say); if that fails too, look for broken images or a large class weight."
        )


class CellModule(LightningModule):
    """Trains `network`; `averaged` follows its weights as a moving average and is what is validated and kept.

    BatchNorm's statistics are taken into the average as they are: averaged ones would lag behind.
    """

    def __init__(
        self,
        network: StagedNetwork,
        recipe: Recipe,
        classes: tuple[str, ...],
        weights: Tensor | None = None,
        teacher: Classifier | None = None,
    ) -> None:
        super().__init__()
        self._teacher = (teacher,)  # in a tuple: no module of ours, so that it is neither trained nor kept
        self.network, self.recipe, self.classes, self.n_classes = network, recipe, classes, len(classes)
        n_classes = len(classes)
        self.averaged = copy.deepcopy(network).requires_grad_(False)
        self.steps: Tensor
        self.class_weights: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("class_weights", torch.ones(n_classes) if weights is None else weights, persistent=False)
        self._moved = 0
        # no buffers: DDP hands rank 0's to every process
        self._confusion = torch.zeros(n_classes, n_classes, dtype=torch.double)
        self._sums = {name: torch.zeros((), dtype=torch.double) for name in SUMS}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Weight decay on weights alone, not on biases and normalisation."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        optimiser: torch.optim.Optimizer = OPTIMISERS[self.recipe.optimiser](groups, lr=1e-3)
        return optimiser

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose state it is."""
        checkpoint |= {"architecture": self.recipe.architecture, "classes": list(self.classes)}

    def on_fit_start(self) -> None:
        """Count where the network is, and ask the teacher there."""
        if self._teacher[0] is not None:
            self._teacher[0].network.to(self.device)
        self._confusion = self._confusion.to(self.device)
        self._sums = {name: number.to(self.device) for name, number in self._sums.items()}

    def on_train_epoch_start(self) -> None:
        """Start the average anew with each stage: weights of another input size do not belong into it."""
        self._moved = 0 if self.recipe.stage_at(self.current_epoch)[1] == 0 else int(self.steps)

    def on_train_batch_start(self, batch: TrainBatch, batch_idx: int) -> None:
        """Set the learning rate, and the seed of dropout."""
        rate = learning_rate(self.recipe, self.current_epoch, batch_idx, int(self.trainer.num_training_batches))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        seed = seeded(self.recipe.seed, self.current_epoch, batch_idx, self.global_rank).initial_seed()
        torch.manual_seed(seed)

    def training_step(self, batch: TrainBatch, batch_idx: int) -> Tensor:
        """Cross-entropy with label smoothing, summed over this process's images, averaged over the whole batch.

        The strategy averages gradients over the processes, so that the loss is multiplied by their number.
        """
        views, targets, whole = batch
        logits = self.network(views).float()
        smoothing = self.recipe.label_smoothing
        summed = F.cross_entropy(logits, targets, self.class_weights, reduction="sum", label_smoothing=smoothing)
        if self._teacher[0] is not None:
            share = self.recipe.teacher_share
            summed = (1 - share) * summed + share * distillation(logits, taught(self._teacher[0], views))
        loss = summed * (self.trainer.world_size / whole)
        with torch.no_grad():
            self._sums["train_loss"] += summed.detach()
            self._sums["train_correct"] += (logits.argmax(1) == targets.argmax(1)).sum()
            self._sums["train_count"] += len(targets)
        self._look_at(loss.detach(), batch_idx)
        return loss

    def _look_at(self, loss: Tensor, step: int) -> None:
        """Stop at a loss that is no number; on a GPU now and then, by the sum, which stays one."""
        if loss.device.type == "cuda" and (step + 1) % LOOK_EVERY:
            return
        if not math.isfinite(self._over_all(self._sums["train_loss"].clone())):
            raise Diverged(self.current_epoch, step)

    def _over_all(self, number: Tensor) -> float:
        """The sum of a number over all processes."""
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(number)
        return float(number)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Move the averaged weights towards the trained ones."""
        self._moved += 1
        self.steps.fill_(self._moved)
        decay = min(self.recipe.average, (1 + self._moved) / (10 + self._moved))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1 - decay)
            for held, current in zip(self.averaged.buffers(), self.network.buffers(), strict=True):
                held.copy_(current)

    def on_validation_epoch_start(self) -> None:
        """Start the confusion matrix anew."""
        self._confusion.zero_()
        self._sums["val_loss"].zero_()
        self.averaged.eval()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count the averaged network's answers, each as much as its share."""
        views, labels, shares = batch
        if len(labels) == 0:
            return
        logits = self.averaged(views).float()
        self._sums["val_loss"] += (F.cross_entropy(logits, labels, reduction="none") * shares).sum()
        pairs = labels * self.n_classes + logits.argmax(1)
        counted = torch.zeros(self.n_classes**2, dtype=torch.double, device=pairs.device)
        self._confusion += counted.index_add_(0, pairs, shares).view_as(self._confusion)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's figures over the images of all processes."""
        confusion = self._confusion.clone()
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(confusion)
        confusion = confusion.double().cpu()
        total, present = max(1e-9, float(confusion.sum())), confusion.sum(1) > 0
        sums = {name: self._over_all(number.clone()) for name, number in self._sums.items()}
        seen = max(1.0, sums["train_count"])
        figures = {
            "train_loss": sums["train_loss"] / seen,
            "train_accuracy": sums["train_correct"] / seen,
            "val_loss": sums["val_loss"] / total,
            "val_accuracy": float(confusion.diag().sum()) / total,
            "val_mean_recall": float((confusion.diag() / confusion.sum(1).clamp_min(1e-9))[present].mean()),
        }
        if not math.isfinite(figures["train_loss"] + figures["val_loss"]):
            raise Diverged(self.current_epoch, int(self.trainer.num_training_batches) - 1)
        for name, value in figures.items():
            self.log(name, torch.tensor(value, dtype=torch.double))
        for number in self._sums.values():
            number.zero_()


def taught(teacher: Classifier, views: Tensor) -> Tensor:
    """The teacher's logits `(n, K)` for standardised views `(n, 3, S, S)`, at the side that it takes."""
    side = teacher.card.input_size
    with torch.no_grad():
        if views.shape[-1] != side:
            views = F.interpolate(views, size=(side, side), mode="bilinear", align_corners=False)
        logits: Tensor = teacher.network(views).float()
    return logits


def distillation(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of softened answers with the teacher's, summed over the images, times the temperature squared.

    Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2.
    """
    wanted = F.softmax(teacher / TEACHING_TEMPERATURE, dim=1)
    given = F.log_softmax(logits / TEACHING_TEMPERATURE, dim=1)
    return -(wanted * given).sum() * TEACHING_TEMPERATURE**2


def learning_rate(recipe: Recipe, epoch: int, step: int, per_epoch: int) -> float:
    """The learning rate of a step: a short rise, then half a cosine, in each stage anew; or one throughout."""
    stage, number = recipe.stage_at(epoch)
    if recipe.schedule == "constant":
        return stage.learning_rate
    done = (number * per_epoch + step) / (stage.epochs * per_epoch)
    falling = stage.final_rate + (1 - stage.final_rate) * 0.5 * (1 + math.cos(math.pi * done))
    return stage.learning_rate * min(falling, (done + 1e-3) / WARM_UP)


def class_weights(labels: Tensor, n_classes: int) -> Tensor:
    """Weights of the loss by inverse frequency `(K,)`: their mean over the images is 1; absent classes get 0."""
    counts = torch.bincount(labels.cpu(), minlength=n_classes)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp_min(1)), 0.0).float()

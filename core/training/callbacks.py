"""What stands around the training loop: keeping the best epoch, stopping early, writing the history."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from core.training.recipe import Recipe


def callbacks(recipe: Recipe, run: Path) -> list[Callback]:
    """Every epoch's state as `last.ckpt`, the best of the last stage as `best.ckpt`, early stopping, history."""
    last = ModelCheckpoint(dirpath=run, filename="last", every_n_epochs=1, enable_version_counter=False)
    return [BestOfLastStage(recipe, run), StopInLastStage(recipe), History(recipe, run), last]


def _in_last_stage(recipe: Recipe, epoch: int) -> bool:
    return epoch >= recipe.epochs - recipe.stages[-1].epochs


class BestOfLastStage(ModelCheckpoint):
    """Keeps the epoch with the best validation accuracy among those at the final input size."""

    def __init__(self, recipe: Recipe, run: Path) -> None:
        super().__init__(
            dirpath=run,
            filename="best",
            monitor="val_accuracy",
            mode="max",
            save_weights_only=True,
            enable_version_counter=False,
        )
        self.recipe = recipe

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare only in the last stage: accuracies at smaller sizes are another network's."""
        if _in_last_stage(self.recipe, trainer.current_epoch):
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """As `on_validation_end`."""
        if _in_last_stage(self.recipe, trainer.current_epoch):
            super().on_train_epoch_end(trainer, pl_module)


class StopInLastStage(EarlyStopping):
    """Stops when validation accuracy has not improved for the recipe's patience, counted in the last stage."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__("val_accuracy", mode="max", patience=recipe.patience, check_on_train_epoch_end=False)
        self.recipe = recipe

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count only in the last stage."""
        if _in_last_stage(self.recipe, trainer.current_epoch):
            super().on_validation_end(trainer, pl_module)


class History(Callback):
    """Writes `history.csv` after every epoch, a row an epoch, replacing the file as a whole."""

    def __init__(self, recipe: Recipe, run: Path) -> None:
        self.recipe, self.file = recipe, run / "history.csv"
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row; rows that a resumed run repeats are replaced."""
        epoch = trainer.current_epoch
        row: dict[str, float] = {"epoch": epoch, "size": self.recipe.stage_at(epoch)[0].size}
        row |= {name: round(float(value), 6) for name, value in sorted(trainer.callback_metrics.items())}
        row["seconds"] = round(time.monotonic() - self._started, 1)
        earlier = pd.read_csv(self.file) if self.file.is_file() else pd.DataFrame(columns=["epoch"])
        table = pd.concat([earlier[earlier["epoch"] < epoch], pd.DataFrame([row])], ignore_index=True)
        partial = self.file.with_suffix(".partial")
        table.to_csv(partial, index=False)
        partial.replace(self.file)

"""What stands around the training loop: keeping states, stopping early, the history (a row an epoch), and telling how
far the training is, a few times a second at most."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, Checkpoint

from core.files import write_whole
from core.runs.directory import COLUMNS, HISTORY, RunDirectory
from core.training.module import CellModule
from core.training.recipe import Recipe
from core.training.run_state import BEST, LAST, read_state, write_state

EVERY = 0.5  # s between reports


class Progress(Callback):
    """Reports the run's status while it trains, and adds a row to `history.csv` after every epoch.

    `images` is the size of the training set, for epochs that draw as many.
    """

    def __init__(self, recipe: Recipe, directory: RunDirectory, images: int) -> None:
        self.recipe, self.directory, self.images = recipe, directory, images
        self._begun = self._reported = self._epoch_begun = self._trained = time.monotonic()
        self._work_done = 0.0
        self._seen = 0

    def _work(self, epoch: int) -> float:
        """Effort of an epoch: images times pixels."""
        stage, _ = self.recipe.stage_at(epoch)
        return float(stage.samples or self.images) * stage.size**2

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._begun = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_begun, self._seen = time.monotonic(), 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report, now and then, where the epoch stands."""
        self._seen += batch[2]
        self._trained = time.monotonic()
        if not trainer.is_global_zero or self._trained - self._reported < EVERY:
            return
        self._report(trainer, batch_idx + 1, (batch_idx + 1) / max(1, int(trainer.num_training_batches)))

    def _report(self, trainer: Trainer, step: int, share: float) -> None:
        """Write the status, `share` of the present epoch being done."""
        self._reported = time.monotonic()
        epoch = trainer.current_epoch
        work = self._work_done + share * self._work(epoch)
        rest = sum(self._work(number) for number in range(epoch, self.recipe.epochs)) - share * self._work(epoch)
        self.directory.report(
            state="training",
            message=f"Epoch {epoch + 1} of {self.recipe.epochs}",
            epoch=epoch,
            epochs=self.recipe.epochs,
            step=step,
            steps=int(trainer.num_training_batches),
            images_per_second=self._rate(),
            seconds_left=(self._reported - self._begun) * rest / work if work else None,
        )

    def _rate(self) -> float:
        return round(self._seen / max(1e-9, self._trained - self._epoch_begun), 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row; rows that a resumed run repeats are replaced."""
        if not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch
        row: dict[str, float] = {"epoch": epoch, "size": self.recipe.stage_at(epoch)[0].size}
        row |= {name: round(float(value), 6) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        row |= {"seconds": round(time.monotonic() - self._epoch_begun, 1), "images_per_second": self._rate()}
        earlier = self.directory.history()
        table = pd.concat([earlier[earlier["epoch"] < epoch], pd.DataFrame([row])], ignore_index=True)
        table = table[list(COLUMNS)].astype({"epoch": int, "size": int})
        write_whole(self.directory.path / HISTORY, table.to_csv(index=False).encode())
        self._work_done += self._work(epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that an epoch is finished."""
        if trainer.is_global_zero:
            self.directory.report(state="training", epoch=trainer.current_epoch + 1, epochs=self.recipe.epochs, step=0)


def callbacks(recipe: Recipe, directory: RunDirectory, images: int) -> list[Callback]:
    """Progress and history, then early stopping with the best and the last state; `images` train."""
    return [Progress(recipe, directory, images), RunCheckpoint(recipe, directory.path)]


class RunCheckpoint(Checkpoint):
    """Keeps every epoch's whole state and the best epoch's weights, and stops when no better one comes.

    Epochs of the last stage alone are compared: figures at other input sizes are another network's. What was counted
    stands in the kept state, so that a resumed run judges, and stops, as an uninterrupted one.
    """

    def __init__(self, recipe: Recipe, run: Path) -> None:
        self.recipe, self.run = recipe, run
        self.best: float | None = None
        self.best_epoch, self.waited, self.stage = -1, 0, len(recipe.stages) - 1
        self.epochs = recipe.epochs
        self._improved = False

    def state_dict(self) -> dict[str, Any]:
        """What has been judged so far."""
        names = ("best", "best_epoch", "waited", "stage", "epochs")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what had been judged; a prolonged recipe's patience starts anew, a further stage's best too."""
        if state_dict["stage"] != self.stage:
            return
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self.waited = state_dict["waited"] if state_dict["epochs"] == self.epochs else 0

    @property
    def exhausted(self) -> bool:
        """Whether the recipe's patience is at its end."""
        return 0 < self.recipe.patience <= self.waited

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A run that had been stopped early stays so."""
        trainer.should_stop = trainer.should_stop or self.exhausted

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the epoch with the best one."""
        if not self.recipe.in_last_stage(trainer.current_epoch):
            return
        figure = float(trainer.callback_metrics[self.recipe.monitor])
        self._improved = self.best is None or (
            figure < self.best if self.recipe.lower_is_better else figure > self.best
        )
        if self._improved:
            self.best, self.best_epoch, self.waited = figure, trainer.current_epoch, 0
        else:
            self.waited += 1
        trainer.should_stop = trainer.should_stop or self.exhausted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the best weights first: whoever is killed before the last state follows does this epoch again."""
        if self._improved and trainer.is_global_zero and isinstance(pl_module, CellModule):
            weights = {"state_dict": pl_module.averaged.state_dict(), "epoch": trainer.current_epoch}
            write_state({**weights, "architecture": self.recipe.architecture}, self.run / BEST)
        self._improved = False
        trainer.save_checkpoint(self.run / LAST)


class WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoints, through `write_state` and `read_state`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the run's state whole or not at all."""
        write_state(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Read it back without unpickling."""
        return read_state(Path(path))

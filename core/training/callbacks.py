"""What stands around the training loop: keeping states, stopping early, history, telling how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, Checkpoint

from core.runs.directory import RunDirectory
from core.training.module import CellModule
from core.training.progress import Progress
from core.training.recipe import Recipe
from core.training.record import BEST, LAST
from core.training.state_files import write_state


def callbacks(recipe: Recipe, directory: RunDirectory, images: int) -> list[Callback]:
    """Progress and history, then early stopping with the best and the last state; `images` train."""
    return [Progress(recipe, directory, images), Keeper(recipe, directory.path)]


class Keeper(Checkpoint):
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

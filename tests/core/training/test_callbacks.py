from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.training.callbacks import StopInLastStage, callbacks
from core.training.recipe import Recipe


def recipe(patience: int = 2) -> Recipe:
    stages = [{"size": size, "epochs": 4, "learning_rate": 0.1} for size in (64, 96)]
    return Recipe.model_validate({"name": "a", "architecture": "b", "patience": patience, "stages": stages})


def stops_after(accuracies: list[float]) -> int | None:
    """The epoch after whose validation and end the run is told to stop."""
    callback = StopInLastStage(recipe())
    for epoch, accuracy in enumerate(accuracies):
        trainer: Any = SimpleNamespace(
            current_epoch=epoch,
            callback_metrics={"val_accuracy": torch.tensor(accuracy)},
            should_stop=False,
            fast_dev_run=False,
            sanity_checking=False,
            state=SimpleNamespace(fn="fit"),
            strategy=SimpleNamespace(reduce_boolean_decision=lambda stop, all: stop),
            val_check_interval=1.0,
            check_val_every_n_epoch=1,
            world_size=1,
            global_rank=0,
        )
        callback.setup(trainer, None, stage="fit")  # type: ignore[arg-type]
        callback.on_validation_end(trainer, None)  # type: ignore[arg-type]
        callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            return epoch
    return None


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.9, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9], None),
        ([0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.7, 0.9], 6),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5], 6),
    ],
)
def test_patience_counts_in_the_last_stage_alone(accuracies: list[float], expected: int | None) -> None:
    assert stops_after(accuracies) == expected


def test_every_epoch_is_kept_for_resuming(tmp_path: Path) -> None:
    kinds = [type(callback).__name__ for callback in callbacks(recipe(), tmp_path)]
    assert kinds == ["BestOfLastStage", "StopInLastStage", "History", "ModelCheckpoint"]

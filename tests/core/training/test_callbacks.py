"""When a training stops, and what a resumed one remembers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.training.callbacks import RunCheckpoint
from core.training.recipe import Recipe


def recipe(monitor: str = "val_accuracy", patience: int = 2, epochs: int = 4) -> Recipe:
    stages = [{"size": 64, "epochs": 4, "learning_rate": 0.1}, {"size": 96, "epochs": epochs, "learning_rate": 0.1}]
    fields = {"name": "a", "architecture": "b", "patience": patience, "monitor": monitor, "stages": stages}
    return Recipe.model_validate(fields)


def trainer_of(epoch: int, monitor: str, figure: float) -> Any:
    return SimpleNamespace(
        current_epoch=epoch,
        callback_metrics={monitor: torch.tensor(figure)},
        should_stop=False,
        is_global_zero=True,
        save_checkpoint=lambda path: None,
    )


def run(keeper: RunCheckpoint, figures: list[float], first: int = 0, monitor: str = "val_accuracy") -> int | None:
    """The epoch after which the run is told to stop."""
    for epoch, figure in enumerate(figures, start=first):
        trainer = trainer_of(epoch, monitor, figure)
        keeper.on_validation_end(trainer, None)  # type: ignore[arg-type]
        keeper.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            return epoch
    return None


@pytest.mark.parametrize(
    ("figures", "patience", "expected", "best"),
    [
        ([0.9, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9], 2, None, 7),
        ([0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.7, 0.9], 2, 6, 4),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5], 2, 6, 4),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2], 0, None, 4),
    ],
)
def test_patience_counts_in_the_last_stage_alone(
    figures: list[float], patience: int, expected: int | None, best: int
) -> None:
    keeper = RunCheckpoint(recipe(patience=patience), Path("unused"))
    assert run(keeper, figures) == expected
    assert keeper.best_epoch == best


def test_a_loss_is_better_when_lower() -> None:
    keeper = RunCheckpoint(recipe("val_loss"), Path("unused"))
    assert run(keeper, [0.1, 0.1, 0.1, 0.1, 0.9, 0.5, 0.7, 0.6], monitor="val_loss") == 7
    assert keeper.best_epoch == 5


def test_a_resumed_run_counts_on() -> None:
    before = RunCheckpoint(recipe(), Path("unused"))
    assert run(before, [0, 0, 0, 0, 0.5, 0.4]) is None
    after = RunCheckpoint(recipe(), Path("unused"))
    after.load_state_dict(before.state_dict())
    assert (after.best, after.best_epoch) == (0.5, 4)
    assert run(after, [0.45, 0.6], first=6) == 6


def test_a_stopped_run_stays_stopped_unless_it_is_prolonged() -> None:
    before = RunCheckpoint(recipe(), Path("unused"))
    assert run(before, [0, 0, 0, 0, 0.5, 0.4, 0.3]) == 6
    for epochs, stopped in ((4, True), (9, False)):
        after = RunCheckpoint(recipe(epochs=epochs), Path("unused"))
        after.load_state_dict(before.state_dict())
        trainer = trainer_of(7, "val_accuracy", 0.0)
        after.on_train_start(trainer, None)  # type: ignore[arg-type]
        assert trainer.should_stop is stopped and after.best == 0.5


def test_figures_of_another_input_size_are_forgotten() -> None:
    before = RunCheckpoint(recipe(), Path("unused"))
    run(before, [0, 0, 0, 0, 0.9])
    stages = [*recipe().stages, recipe().stages[0]]
    after = RunCheckpoint(recipe().model_copy(update={"stages": tuple(stages)}), Path("unused"))
    after.load_state_dict(before.state_dict())
    assert after.best is None

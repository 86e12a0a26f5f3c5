"""Parts of the Train page: who may use it, what it says, where the best epoch and the stages' borders are."""

from __future__ import annotations

import pandas as pd
import pytest

from core.runs.directory import COLUMNS, RunStatus
from core.training.recipe import checked_recipe
from core.training.timing import DurationEstimate
from dashboard.train.curves import best_epoch, borders, curve_figure
from dashboard.train.wording import about, ago, estimate_in_words, progress_in_words, share_done

TWO_STAGES = checked_recipe(
    {
        "name": "two",
        "architecture": "resnet50",
        "stages": [
            {"size": 64, "epochs": 2, "learning_rate": 1e-3},
            {"size": 128, "epochs": 3, "learning_rate": 1e-3},
        ],
    },
    "toy",
)


def history(accuracies: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"epoch": range(len(accuracies)), "val_accuracy": accuracies})
    return table.assign(size=64).reindex(columns=list(COLUMNS)).astype("float64")


def test_the_best_epoch_is_one_of_the_last_stage() -> None:
    table = history([0.9, 0.8, 0.5, 0.7])
    assert best_epoch(table, TWO_STAGES) == 3
    assert best_epoch(table, None) == 0
    assert best_epoch(history([0.9, 0.8]), TWO_STAGES) is None
    assert best_epoch(history([float("nan")]), None) is None


def test_a_loss_is_best_where_it_is_lowest() -> None:
    recipe = TWO_STAGES.model_copy(update={"monitor": "val_loss"})
    table = history([0.0] * 5).assign(val_loss=[0.1, 0.2, 0.9, 0.4, 0.6])
    assert best_epoch(table, recipe) == 3


def test_borders_stand_where_stages_begin_and_only_those_reached() -> None:
    assert borders(history([0.5]), TWO_STAGES) == [{"at": 0.5, "size": "64 px"}]
    assert borders(history([0.5] * 3), TWO_STAGES)[1] == {"at": 2.5, "size": "128 px"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "5 s"), (42, "40 s"), (600, "10 min"), (7300, "2 h"), (9000, "2 h 30 min"), (200_000, "2 days")],
)
def test_rough_times(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_ago() -> None:
    assert (ago(100, now=130), ago(0, now=1200)) == ("just now", "20 min ago")


def test_an_estimate_says_what_it_rests_on() -> None:
    told = estimate_in_words(DurationEstimate(2400, True, False, 0, ""))
    assert "at most about 40 min" in told
    assert "factor of three" in told
    measured = estimate_in_words(DurationEstimate(2400, False, True, 1.0, "2 threads, no GPU"))
    assert measured.startswith("Takes about 40 min on this machine (2 threads, no GPU), measured ")


def test_progress_is_the_share_of_all_batches() -> None:
    status = RunStatus(state="training", epoch=1, epochs=4, step=5, steps=10, images_per_second=3.25)
    assert share_done(status) == pytest.approx(1.5 / 4)
    assert progress_in_words(status) == "Epoch 2 of 4, batch 5 of 10, 3.2 images/s"
    assert share_done(RunStatus()) == 0
    assert share_done(RunStatus(epoch=9, epochs=4)) == 1


def test_curves_mark_the_stages_and_the_best_epoch() -> None:
    table = history([0.5, 0.6, 0.8, 0.7, 0.75]).assign(train_accuracy=[0.4, 0.5, 0.6, float("nan"), 0.7])
    figure = curve_figure("accuracy", table, TWO_STAGES, best=2)
    training, validation, best = figure.data
    assert list(training.x) == [1, 2, 3, 5] and list(validation.y) == pytest.approx([50, 60, 80, 70, 75])
    assert (list(best.x), list(best.y), best.showlegend) == ([3], [pytest.approx(80)], False)
    assert [shape.x0 for shape in figure.layout.shapes] == [2.5]
    assert [note.text for note in figure.layout.annotations] == ["64 px", "128 px"]
    assert "epoch %{x}" in training.hovertemplate

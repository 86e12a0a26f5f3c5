"""A whole training run on simulated cells, small enough for every day: train, stop, resume, write, load, answer."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.app import app
from core.models.checkpoints import load_classifier
from core.runs.directory import COLUMNS, RunDirectory
from core.simulation import draw_cell
from core.training.fit import run_training, trainer_precision
from core.training.module import class_weights, learning_rate
from core.training.run_state import BEST, LAST, read_state
from tests.support.trainings import job_of, recipe_of

RECIPE = """
name = "tiny"
architecture = "toy_lively"
average = 0.5
[data]
simulated = 10
[[stages]]
size = 32
epochs = {epochs}
batch_size = 10
learning_rate = 1e-3
"""


def recipe(tmp_path: Path, epochs: int = 2) -> Path:
    file = tmp_path / "tiny.toml"
    file.write_text(RECIPE.format(epochs=epochs))
    return file


def train(cells: Path, tmp_path: Path, *more: str) -> dict[str, object]:
    command = ["train", str(recipe(tmp_path)), "--data", str(cells), "--run", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(
        app, [*command, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "model"), *more]
    )
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_run_writes_a_model_folder_that_answers(cells: Path, tmp_path: Path, toys: None) -> None:
    card = train(cells, tmp_path)
    folder = tmp_path / "model"
    assert {path.name for path in folder.iterdir()} == {
        "card.json",
        "history.csv",
        "model.safetensors",
        "predictions.parquet",
    }
    classifier = load_classifier(folder)
    assert card["training"]["simulated_images"] == 10 and card["training"]["images"] == 30  # type: ignore[index]
    assert card["test"]["images"] == 10 and card["novelty"]["threshold"] > 0  # type: ignore[index]
    answers = pd.read_parquet(folder / "predictions.parquet")
    assert len(answers) == 10 and {f"logit_{name}" for name in CLASSES} < set(answers.columns)
    logits = answers[[f"logit_{name}" for name in CLASSES]].to_numpy()
    assert [CLASSES[i] for i in logits.argmax(1)] == list(answers["predicted"])
    assert (answers["label"] == answers["predicted"]).mean() == pytest.approx(card["test"]["accuracy"])  # type: ignore[index]
    history = pd.read_csv(folder / "history.csv")
    assert (
        list(history["epoch"]) == [0, 1]
        and list(history.columns) == list(COLUMNS)
        and history["val_accuracy"].between(0, 1).all()
    )
    assert classifier.predict([draw_cell("monocyte", 1).image])[0].classes == CLASSES

    status = RunDirectory(tmp_path / "run").status()
    assert status is not None and (status.state, status.epoch, status.epochs) == ("done", 2, 2)
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert data["counts"]["train"] == dict.fromkeys(CLASSES, 6) and data["training_images"] == 40
    assert card["input_size"] == 32 and card["training"]["best_epoch"] in (1, 2)  # type: ignore[index]


def test_a_finished_run_that_is_resumed_says_so(cells: Path, tmp_path: Path, toys: None) -> None:
    card = train(cells, tmp_path, "--no-leak-check")
    before = (tmp_path / "run" / LAST).stat().st_mtime_ns
    assert train(cells, tmp_path, "--no-leak-check", "--resume") == card
    assert (tmp_path / "run" / LAST).stat().st_mtime_ns == before


def test_a_finished_run_can_be_prolonged(cells: Path, tmp_path: Path, toys: None) -> None:
    stage = {"size": 32, "batch_size": 10, "learning_rate": 1e-3}
    for epochs, resume in ((1, False), (3, True)):
        run_training(job_of(cells, tmp_path, recipe_of(stages=[stage | {"epochs": epochs}]), resume))
    assert list(pd.read_csv(tmp_path / "run" / "history.csv")["epoch"]) == [0, 1, 2]


def test_a_run_stopped_early_stays_stopped(cells: Path, tmp_path: Path, toys: None) -> None:
    stages = [{"size": 32, "batch_size": 10, "learning_rate": 1e-9, "epochs": 9}]  # never better than the first
    plan = recipe_of(stages=stages, patience=2, average=0.0, architecture="toy_plain")
    first = run_training(job_of(cells, tmp_path, plan))
    again = run_training(job_of(cells, tmp_path, plan, resume=True))
    assert list(pd.read_csv(tmp_path / "run" / "history.csv")["epoch"]) == [0, 1, 2]
    for one, other in zip(first.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_the_best_epoch_is_kept_not_the_last(cells: Path, tmp_path: Path, toys: None) -> None:
    stages = [{"size": 32, "batch_size": 10, "learning_rate": 0.03, "epochs": 5}]
    run_training(job_of(cells, tmp_path, recipe_of(stages=stages, monitor="val_loss", schedule="constant")))
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert read_state(tmp_path / "run" / BEST)["epoch"] == history["val_loss"].idxmin()


def test_class_weights_even_out_the_classes() -> None:
    weights = class_weights(torch.tensor([0, 0, 0, 1, 3, 3]), 4)
    assert weights.tolist() == pytest.approx([6 / 9, 6 / 3, 0, 6 / 6])


def test_the_learning_rate_rises_and_falls_in_each_stage_or_stays() -> None:
    stages = [{"size": 32, "epochs": 2, "learning_rate": 0.1, "final_rate": 0.1}] * 2
    rates = [learning_rate(recipe_of(stages=stages), epoch, step, 50) for epoch in range(4) for step in range(50)]
    assert rates[:100] == rates[100:] and rates[0] < 0.01 and max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[99] == pytest.approx(0.1 * 0.1, rel=0.02)
    constant = recipe_of(stages=stages, schedule="constant")
    assert {learning_rate(constant, epoch, step, 50) for epoch in range(4) for step in range(50)} == {0.1}


def test_a_processor_trains_in_what_is_fast_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.fit.computes_bfloat16", lambda device: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    names = ("resnet50", "mobilenet_v3_small")
    chosen = {name: trainer_precision(recipe_of(architecture=name, bf16=True)) for name in names}
    assert chosen == {"resnet50": "bf16-mixed", "mobilenet_v3_small": "32-true"}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert trainer_precision(recipe_of(architecture="mobilenet_v3_small", bf16=True)) == "bf16-mixed"
    assert trainer_precision(recipe_of(architecture="mobilenet_v3_small", bf16=False)) == "32-true"

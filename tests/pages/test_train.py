"""The Train page: who may use it, what it refuses, what it starts, and every state of a run."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from core.errors import InputError
from core.runs.directory import RunDirectory
from core.training.launch import read_spec
from core.training.recipe import read_recipe
from dashboard.train import run as training_actions
from tests.support.reading import Start, alerts, assert_sound, entered, go, html, press, query, shown
from tests.support.stand_in_runs import RECIPE, until, use_toys
from tests.support.tiny_models import make_model


def test_a_dashboard_that_others_can_reach_does_not_train(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEUKOLENS_TRAINING", raising=False)
    app = start("train", run="mine")
    assert_sound(app)
    assert "switched off" in alerts(app)
    assert "LEUKOLENS_TRAINING=on" in shown(app)
    assert not app.text_input and not [button for button in app.button if "training" in str(button.key)]
    assert "another machine" in alerts(app)
    monkeypatch.setenv("LEUKOLENS_TRAINING", "off")
    app = app.run()
    assert "LEUKOLENS_TRAINING=off" in alerts(app)
    assert "another machine" not in alerts(app)


def test_the_choice_of_models_rests_where_none_answers_and_is_kept(start: Start, runs: Path) -> None:
    app = start("evaluate", models="vgg19")
    assert app.pills(key="choice-models").value == ["vgg19"]
    app = go(app, "train")
    assert "choice-models" not in [pill.key for pill in app.pills]
    assert go(app, "evaluate").pills(key="choice-models").value == ["vgg19"]


def test_a_training_is_started_cancelled_and_resumed(
    start: Start, runs: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_toys(monkeypatch, "wait")
    app = entered(start, cells)
    app.number_input(key="training-leukolens-0-epochs").set_value(1).run()
    app.text_input(key="training-name-leukolens-mobilenet_v3_small").set_value("first").run()
    app = press(app, "Start training")
    assert_sound(app)
    assert query(app)["run"] == "first"
    run = RunDirectory(runs / "first")
    until(lambda: run.state() == "training")
    assert read_spec(run.path).data == str(cells)
    assert [stage.epochs for stage in read_recipe(str(run.path / "order.toml")).stages] == [1, 4]
    app = press(press(app.run(), "Cancel"), "Yes, end it")
    until(lambda: run.state() == "cancelled")
    app = app.run()
    assert "Cancelled after" in html(app)
    use_toys(monkeypatch, "finish")
    app = press(app, "Resume")
    until(lambda: run.state() == "done")
    assert_sound(app.run())


def made(runs: Path, **status: object) -> RunDirectory:
    run = RunDirectory(runs / "mine")
    run.report(**status)
    (run.path / "recipe.json").write_text(RECIPE.model_dump_json())
    return run


def curves(run: RunDirectory) -> None:
    rows = [
        {"epoch": n, "size": 64, "train_loss": 1 / (n + 1), "train_accuracy": 0.5, "val_loss": 1, "val_accuracy": acc}
        for n, acc in enumerate((0.5, 0.8, 0.7))
    ]
    pd.DataFrame(rows).to_csv(run.path / "history.csv", index=False)


STATES = (
    ("done", {}, "folder of its model cannot be read"),
    ("failed", {"error": "No *room* <b>left</b>.", "next_step": "Make room."}, "Make room"),
    ("cancelled", {"next_step": "Resume it."}, "Cancelled after 2 of 5 epochs"),
    ("cancelled", {"next_step": "python -m core train a --resume"}, "press Resume, or give this command"),
    ("training", {}, "killed"),
)


@pytest.mark.parametrize(("state", "more", "told"), STATES, ids=[f"{name}-{len(told)}" for name, _, told in STATES])
def test_every_state_that_rests_is_told(
    start: Start, runs: Path, state: str, more: dict[str, object], told: str
) -> None:
    run = made(runs, state=state, epoch=2, epochs=5, **more)
    curves(run)
    (run.path / "log.txt").write_text("a line\x1b[31m of the log\n" * 200)
    (run.path / "data.json").write_text('{"title": "Cells", "leak": "3 photographs stand on two sides."}')
    app = start("train", run="mine")
    assert_sound(app)
    assert told in shown(app)
    assert "Best: epoch 2, validation accuracy 80.0 %" in html(app)
    assert "3 photographs stand on two sides" in alerts(app)
    assert "\x1b" not in shown(app)
    assert "<b>" not in alerts(app).replace("\\<b", "")
    labels = [button.label for button in app.button]
    assert ("Resume" in labels) == (state != "done")


def test_a_run_that_goes_on_is_told_with_its_figures(start: Start, runs: Path) -> None:
    run = made(runs, state="waiting", message="2 jobs before this one", pid=os.getpid())
    with run.hold():
        app = start("train")
        assert_sound(app)
        assert "2 jobs before this one" in html(app)
        now = {"epoch": 1, "epochs": 4, "step": 5, "steps": 10, "images_per_second": 321.0, "seconds_left": 600.0}
        run.report(state="training", **now)
        app = app.run()
        assert_sound(app)
        assert "Epoch 2 of 4, batch 5 of 10, 321 images/s, about 10 min left" in html(app)
        assert 'aria-valuenow="38"' in html(app)
        run.report(updated=time.time() - 3600)
        assert "No report for 60 min" in shown(app.run())


def test_a_run_that_does_not_end_says_so_and_can_be_asked_again(
    start: Start, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: RunDirectory) -> None:
        raise InputError("It is another user's.")

    monkeypatch.setattr(training_actions, "cancel", refuse)
    run = made(runs, state="training", epochs=4, pid=os.getpid())
    with run.hold():
        app = press(press(start("train", run="mine"), "Cancel"), "Yes, end it")
        until(lambda: not [one for one in threading.enumerate() if one.name == "end mine"])
        app = app.run()
        assert_sound(app)
        assert "another user's" in alerts(app)
        assert "Cancel" in [button.label for button in app.button]


def test_hostile_files_and_unknown_names_are_told(start: Start, runs: Path) -> None:
    run = made(runs, state="done")
    for name in ("status.json", "history.csv", "data.json", "recipe.json", "command.json"):
        (run.path / name).write_bytes(b"\xff[" * 500)
    app = start("train", run="other")
    assert_sound(app)
    assert "There is no run “other” here" in alerts(app)
    assert "status.json cannot be read" in alerts(app)
    app = press(app, "Resume")
    assert_sound(app)
    assert "command line" in alerts(app)
    assert "names nothing here" in alerts(start("train", run="../../etc"))


def test_a_finished_model_joins_the_others(start: Start, runs: Path, tmp_path: Path) -> None:
    run = made(runs, state="done", epoch=2, epochs=2)
    make_model(run.path, "model", seed=9)
    root = tmp_path / "checkpoints"
    make_model(root, "mine", seed=1)
    app = start("train", root=root, run="mine")
    assert "made-up cells: accuracy 91 % (95 % interval 89.5–92.6), n = 1,234" in html(app)
    app = press(app, "Show it in the dashboard")
    assert_sound(app)
    assert (root / "mine-2" / "card.json").is_file()
    assert "(mine-2)" in html(app)
    assert "Show it in the dashboard" not in [button.label for button in app.button]

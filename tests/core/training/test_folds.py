"""k-fold cross-validation: every image tests once, and what ends a fold ends the whole, to be gone on with."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from core.cli.app import app
from core.runs.directory import RunDirectory
from core.training import launch
from core.training.callbacks import RunCheckpoint
from core.training.launch import checked_spec
from core.training.module import CellModule
from tests.support.training_processes import weights

pytestmark = pytest.mark.usefixtures("toys")
RECIPE = """
name = "folded"
architecture = "toy_lively"
[data]
framing = "frame"
[split]
folds = 3
[[stages]]
size = 32
epochs = 2
batch_size = 10
learning_rate = 1e-3
"""


def train(cells: Path, folder: Path, *more: str, run: str = "run") -> Result:
    file = folder / "folded.toml"
    file.write_text(RECIPE)
    places = ["--data", str(cells), "--run", str(folder / run), "--cache", str(folder / "cache")]
    return CliRunner().invoke(app, ["train", str(file), *places, "--no-leak-check", "--json", *more])


def test_a_cancelled_fold_cancels_the_whole_which_is_gone_on_with(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = RunCheckpoint.on_train_epoch_end

    def asked_to_end(self: RunCheckpoint, trainer: Any, pl_module: Any) -> None:
        ended(self, trainer, pl_module)
        if (self.run.name, trainer.current_epoch) == ("fold-2", 0):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(RunCheckpoint, "on_train_epoch_end", asked_to_end)
    assert train(cells, tmp_path).exit_code == 128 + signal.SIGTERM
    monkeypatch.undo()
    run = RunDirectory(tmp_path / "run")
    status = run.status()
    assert status is not None and status.state == run.state() == "cancelled" and "--resume" in str(status.next_step)
    assert train(cells, tmp_path).exit_code == 2 and run.state() == "cancelled"

    first = (run.path / "fold-1" / "last.ckpt").stat().st_mtime_ns
    resumed = train(cells, tmp_path, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert (run.path / "fold-1" / "last.ckpt").stat().st_mtime_ns == first
    document = json.loads(resumed.stdout)
    assert sum(fold["images"] for fold in document["folds"]) == 50 and run.state() == "done"

    whole = train(cells, tmp_path, run="whole")
    assert json.loads(whole.stdout) == document
    for fold in ("fold-1", "fold-2", "fold-3"):
        ours, theirs = weights(run.path / fold), weights(tmp_path / "whole" / fold)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_folds_and_a_single_run_do_not_share_a_folder(cells: Path, tmp_path: Path) -> None:
    assert train(cells, tmp_path, "--folds", "0").exit_code == 0
    refused = train(cells, tmp_path)
    assert refused.exit_code == 2 and "holds a run already" in refused.stderr
    assert not (tmp_path / "run" / "fold-1").exists() and RunDirectory(tmp_path / "run").state() == "done"


def test_a_fold_that_diverges_asks_for_one_rate_for_all(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = CellModule.training_step
    monkeypatch.setattr(CellModule, "training_step", lambda *given: step(*given) * float("nan"))
    monkeypatch.setattr(CellModule, "_over_all", lambda self, number: float("nan"))
    refused = train(cells, tmp_path)
    assert refused.exit_code == 2 and "Fold 1 of 3" in refused.stderr and "one learning rate" in refused.stderr
    assert RunDirectory(tmp_path / "run").state() == "failed"


def test_folds_begun_from_the_page_are_resumed_from_it(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(cells, tmp_path).exit_code == 0
    run, how = RunDirectory(tmp_path / "run"), []
    (run.path / "order.toml").write_text(RECIPE)
    (run.path / "command.json").write_text(checked_spec(str(cells), "auto").model_dump_json())
    run.report(state="cancelled")
    monkeypatch.setattr(launch, "_spawn", lambda run, spec, resume: how.append(resume))
    launch.resume_run(run)
    assert how == [True]

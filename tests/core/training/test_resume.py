"""What a run may be gone on with, and what ends one: each time its directory tells."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from core.cli.app import app
from core.errors import InputError
from core.runs.directory import RunDirectory
from core.training import run_state
from core.training.callbacks import RunCheckpoint
from core.training.fit import run_training
from core.training.module import CellModule
from core.training.run_state import BEST, LAST, read_state, write_state
from core.training.session import Cancelled, supervised
from tests.support.trainings import job_of, recipe_of

pytestmark = pytest.mark.usefixtures("toys")
STAGE = {"size": 32, "epochs": 2, "batch_size": 10, "learning_rate": 1e-3}


@pytest.fixture
def begun(cells: Path, tmp_path: Path) -> Path:
    """The folder of a run of two epochs."""
    run_training(job_of(cells, tmp_path, recipe_of()))
    return tmp_path


def test_resuming_nothing_is_refused(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to resume"):
        run_training(job_of(cells, tmp_path, recipe_of(), resume=True))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run_training(job_of(cells, tmp_path, recipe_of(), resume=True))


@pytest.mark.parametrize(
    "emptied",
    [
        lambda state: state | {"state_dict": {}},
        lambda state: state | {"optimizer_states": []},
        lambda state: {key: value for key, value in state.items() if key != "loops"},
        lambda state: state | {"state_dict": {key: value.new_zeros(0) for key, value in state["state_dict"].items()}},
    ],
)
def test_an_emptied_state_is_refused_in_words(cells: Path, begun: Path, emptied: Any) -> None:
    (last,) = begun.rglob(LAST)
    write_state(emptied(read_state(last)), last)
    longer = recipe_of(stages=[STAGE | {"epochs": 3}])
    with pytest.raises(InputError, match="emptied or changed"):
        run_training(job_of(cells, begun, longer, resume=True))


def test_what_a_killed_training_left_half_written_is_removed_at_the_next_start(cells: Path, begun: Path) -> None:
    (last,) = begun.rglob(LAST)
    left = last.with_name(f"{LAST}.partial")
    left.write_bytes(b"half")
    directory = RunDirectory(last.parent)
    with supervised(directory):
        assert not left.exists()


def test_a_begun_run_is_not_begun_again(cells: Path, begun: Path) -> None:
    with pytest.raises(InputError, match="holds a run already"):
        run_training(job_of(cells, begun, recipe_of()))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seed": 5}, "seed was 0, is 5"),
        ({"architecture": "toy_plain"}, "architecture was toy_lively, is toy_plain"),
        ({"stages": [STAGE | {"learning_rate": 0.5}]}, "learning_rate was 0.001, is 0.5"),
        ({"stages": [STAGE | {"epochs": 1}]}, "epochs was 2, is 1"),
        ({"split": {"kind": "random"}}, "split.kind was given, is random"),
    ],
)
def test_another_recipe_is_refused_and_the_difference_named(
    cells: Path, begun: Path, fields: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        run_training(job_of(cells, begun, recipe_of(**fields), resume=True))


def test_other_images_are_refused(cells: Path, begun: Path) -> None:
    job = job_of(cells, begun, recipe_of(), resume=True)
    fewer = job.data.table.drop(job.data.table.index[0]).reset_index(drop=True)
    object.__setattr__(job.data, "table", fewer)
    with pytest.raises(InputError, match="other numbers of images"):
        run_training(job)


def test_a_state_of_another_architecture_or_a_damaged_one_is_refused(cells: Path, begun: Path) -> None:
    job = job_of(cells, begun, recipe_of(), resume=True)
    last = begun / "run" / LAST
    state = read_state(last)
    torch.save(state | {"architecture": "resnet50"}, last)
    with pytest.raises(InputError, match="another network: a resnet50"):
        run_training(job)
    last.write_bytes(last.read_bytes()[:5000])
    with pytest.raises(InputError, match="damaged"):
        run_training(job)
    torch.save({"state_dict": {}, "harm": Path("unpickled")}, last)
    with pytest.raises(InputError, match="damaged"):
        run_training(job)


def test_an_unknown_architecture_makes_no_directory(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No architecture"):
        run_training(job_of(cells, tmp_path, recipe_of(architecture="alexnet")))
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_the_earlier_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state({"state_dict": {}, "epoch": 1}, tmp_path / LAST)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_state.torch, "save", full)
    with pytest.raises(InputError, match=r"disk is full.*intact.*--resume"):
        write_state({"state_dict": {}, "epoch": 2}, tmp_path / LAST)
    monkeypatch.undo()
    assert read_state(tmp_path / LAST)["epoch"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


def command(cells: Path, folder: Path, *more: str) -> list[str]:
    file = folder / "toy.json.toml"
    text = 'name = "toy"\narchitecture = "toy_lively"\n[data]\nframing = "frame"\n[[stages]]\n'
    file.write_text(text + "size = 32\nepochs = 3\nbatch_size = 10\nlearning_rate = 1e-3\n")
    places = ["--data", str(cells), "--run", str(folder / "run"), "--cache", str(folder / "cache")]
    return ["train", str(file), *places, "--no-leak-check", *more]


def test_a_loss_that_is_no_number_ends_the_run_and_a_smaller_rate_goes_on(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = CellModule.training_step

    def breaks(self: CellModule, batch: Any, batch_idx: int) -> torch.Tensor:
        factor = float("nan") if (self.current_epoch, batch_idx) == (1, 2) else 1.0
        return step(self, (batch[0] * factor, *batch[1:]), batch_idx)

    monkeypatch.setattr(CellModule, "training_step", breaks)
    result = CliRunner().invoke(app, command(cells, tmp_path))
    assert result.exit_code == 2 and "epoch 2, step 3" in result.stderr and "Traceback" not in result.stderr
    status = RunDirectory(tmp_path / "run").status()
    assert status is not None and status.state == "failed" and "learning-rate" in str(status.next_step)
    assert "epoch 2, step 3" in (tmp_path / "run" / "log.txt").read_text()
    monkeypatch.undo()
    result = CliRunner().invoke(app, command(cells, tmp_path, "--resume", "--learning-rate", "1e-4"))
    assert result.exit_code == 0, result.stderr
    assert list(pd.read_csv(tmp_path / "run" / "history.csv")["epoch"]) == [0, 1, 2]
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["stages"][0]["learning_rate"] == 1e-4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_and_says_how_to_go_on(
    cells: Path, tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = RunCheckpoint.on_train_epoch_end

    def asked_to_end(self: RunCheckpoint, trainer: Any, pl_module: Any) -> None:
        ended(self, trainer, pl_module)
        if trainer.current_epoch == 1:
            signal.raise_signal(number)

    monkeypatch.setattr(RunCheckpoint, "on_train_epoch_end", asked_to_end)
    result = CliRunner().invoke(app, command(cells, tmp_path))
    assert result.exit_code == 128 + number
    status = RunDirectory(tmp_path / "run").status()
    assert status is not None and (status.state, status.epoch) == ("cancelled", 2)
    assert "--resume" in str(status.next_step) and "finished epochs are kept" in status.message
    monkeypatch.undo()
    result = CliRunner().invoke(app, command(cells, tmp_path, "--resume"))
    assert result.exit_code == 0, result.stderr
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) == 3 and (tmp_path / "run" / BEST).is_file()


def test_a_run_cancelled_before_its_first_epoch_says_that_nothing_is_kept(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with pytest.raises(Cancelled), supervised(run):
        run.report(state="preparing", message="Reading the images")
        signal.raise_signal(signal.SIGTERM)
    status = run.status()
    assert status is not None and status.state == "cancelled" and status.message.endswith("No epoch was finished yet.")
    assert status.next_step == "Give the command again."


def test_bad_data_is_told_in_the_directory(cells: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, command(tmp_path / "nowhere", tmp_path))
    assert result.exit_code == 2
    status = RunDirectory(tmp_path / "run").status()
    assert status is not None and status.state == "failed" and "does not exist" in status.message
    result = CliRunner().invoke(app, command(cells, tmp_path))
    assert result.exit_code == 0, result.stderr

"""A run's directory: one process at a time, and files that may say anything."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from core.errors import InputError
from core.runs import directory as directory_module
from core.runs.directory import (
    COLUMNS,
    LONGEST_TEXT,
    RunDirectory,
    checked_name,
    default_runs,
    existing_run,
    free_name,
    new_run,
)

HOLDER = """
import sys, time
from pathlib import Path
from core.runs.directory import RunDirectory
run = RunDirectory(Path(sys.argv[1]))
with run.hold():
    run.report(state="training", epochs=3)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[RunDirectory, subprocess.Popen[str]]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield RunDirectory(tmp_path / "run"), process
    process.kill()
    process.wait()


def test_another_process_is_kept_out_and_seen(
    held: tuple[RunDirectory, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, process = held
    monkeypatch.setattr(directory_module, "PATIENCE", 0.05)
    assert (run.alive(), run.state(), run.holder()) == (True, "training", process.pid)
    with pytest.raises(InputError, match="Another process trains"), run.hold():
        pass


def test_a_killed_process_leaves_an_interrupted_run_that_can_be_held(
    held: tuple[RunDirectory, subprocess.Popen[str]],
) -> None:
    run, process = held
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (run.alive(), run.state(), run.holder()) == (False, "interrupted", None)
    with run.hold():
        assert run.alive()
    assert not run.alive()


def test_a_report_keeps_what_it_does_not_change(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.report(state="training", epoch=1, epochs=4, message="first")
    run.report(step=3, images_per_second=float("nan"))
    status = RunDirectory(tmp_path / "run").status()
    assert status is not None
    assert (status.epoch, status.epochs, status.step, status.message) == (1, 4, 3, "first")
    assert status.images_per_second is None
    assert status.pid == os.getpid()
    assert abs(status.updated - time.time()) < 60


def test_a_resumed_run_takes_over_the_epochs_and_drops_the_error(tmp_path: Path) -> None:
    RunDirectory(tmp_path).report(state="failed", epoch=2, error="no room", next_step="make room")
    status = RunDirectory(tmp_path).report(state="preparing")
    assert (status.epoch, status.error, status.next_step) == (2, None, None)


def test_a_very_long_error_is_shortened(tmp_path: Path) -> None:
    status = RunDirectory(tmp_path).report(state="failed", error="x" * 100_000)
    assert status.error is not None
    assert len(status.error) == LONGEST_TEXT


def test_a_full_disk_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDirectory(tmp_path)
    run.report(state="training", epoch=1)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run.report(epoch=2).epoch == 2
    monkeypatch.undo()
    status = run.status()
    assert status is not None
    assert status.epoch == 1
    assert run.report(step=1).epoch == 2
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


HOSTILE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"state": "training", "pid": -1}',
    b'{"state": "dancing"}',
    b'{"state": "training", "epoch": 1e400}',
    b"[" * 90_000,
    b'{"message": "' + b"x" * 200_000 + b'"}',
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_status_reads_as_none_with_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "status.json").write_bytes(text)
    run = RunDirectory(tmp_path)
    assert run.status() is None
    assert run.state() == "unknown"
    assert "cannot be read" in run.problems()[0]
    assert run.report(state="training").state == "training"


def test_a_pipe_or_a_folder_in_place_of_a_file_is_no_trap(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "status.json")
    (tmp_path / "history.csv").mkdir()
    run = RunDirectory(tmp_path)
    assert run.status() is None
    assert run.history().empty
    assert len(run.problems()) == 2


def test_a_directory_that_is_not_there_is_no_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "none")
    assert (run.status(), run.alive(), run.state(), run.problems()) == (None, False, "unknown", ())
    assert run.history().empty


def test_history_is_read_in_order_whatever_else_stands_there(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(
        "epoch,size,train_loss,val_accuracy,other\n1,64,0.5,0.75,x\n0,64,inf,nan,y\n1,64,0.4,0.8,z\nfoo,1,2,3,4\n2,64"
    )
    history = RunDirectory(tmp_path).history()
    assert tuple(history.columns) == COLUMNS
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["train_loss"].tolist()[1] == 0.4
    assert pd.isna(history["train_loss"][0])
    assert history["val_loss"].isna().all()


@pytest.mark.parametrize("text", [b"", b"\x00\xff\xfe", b"a,b\n1,2\n", b'"unclosed\n1,2'])
def test_a_hostile_history_is_empty_with_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "history.csv").write_bytes(text)
    run = RunDirectory(tmp_path)
    assert run.history().empty
    assert "history.csv cannot be read" in run.problems()[0]


def test_a_process_that_was_just_started_is_not_called_interrupted(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.report(state="waiting", pid=os.getpid())
    assert run.state() == "waiting"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    run.report(pid=ended.pid)
    assert run.state() == "interrupted"


BAD = ("", ".", "..", ".line", "../x", "a/b", "a\\b", "/etc", "a\n", "a b", "-x", "é", "x" * 65, "a\0", "run.partial")


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    for take in (checked_name, lambda text: new_run(tmp_path, text), lambda text: existing_run(tmp_path, text)):
        with pytest.raises(InputError, match="letters"):
            take(name)


def test_a_taken_name_comes_with_a_free_one(tmp_path: Path) -> None:
    for name in ("mine", "mine-2"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="“mine-3” is free"):
        new_run(tmp_path, "mine")
    assert new_run(tmp_path, "mine-3") == tmp_path / "mine-3"
    assert not (tmp_path / "mine-3").exists()
    assert free_name(tmp_path, "  ../Größe 1 ") == checked_name(free_name(tmp_path, "  ../Größe 1 "))


def test_a_link_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(InputError, match="no run"):
        existing_run(tmp_path, "link")
    with pytest.raises(InputError, match="already"):
        new_run(tmp_path, "link")


def test_runs_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path))
    assert default_runs() == tmp_path.resolve()
    monkeypatch.delenv("LEUKOLENS_RUNS")
    assert default_runs().name == "runs"

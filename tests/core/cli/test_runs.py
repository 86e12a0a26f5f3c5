"""`python -m core runs`: what it lists, and how it ends and goes on with a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from core.cli.runs import runs as runs_command
from core.runs.directory import RunDirectory
from core.training.launch import checked_spec, start_run
from tests.support.stand_in_runs import RECIPE, until, use_toys

app = typer.Typer()
app.command()(runs_command)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path))
    return tmp_path


def asked(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_nothing_yet_is_said(runs: Path) -> None:
    assert "no runs" in asked()
    assert json.loads(asked("--json"))["runs"] == []


def test_runs_are_listed_with_their_states(runs: Path) -> None:
    RunDirectory(runs / "one").report(state="training", epoch=2, epochs=5)
    (runs / "two").mkdir()
    (runs / "two" / "status.json").write_text("{")
    assert "one: interrupted, epoch 2 of 5" in asked()
    assert "two/status.json cannot be read" in asked()
    listed = json.loads(asked("--json"))["runs"]
    assert {entry["name"]: entry["state"] for entry in listed} == {"one": "interrupted", "two": "unknown"}


def test_cancel_and_resume(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toys(monkeypatch, "wait")
    run = start_run(runs, "mine", RECIPE, checked_spec("/cells", "auto"))
    until(lambda: run.state() == "training")
    assert "mine was cancelled" in asked("cancel", "mine")
    assert run.state() == "cancelled"
    use_toys(monkeypatch, "finish")
    assert "goes on" in asked("resume", "mine")
    until(lambda: run.state() == "done")


@pytest.mark.parametrize("words", [["cancel"], ["cancel", "none"], ["cancel", "../x"], ["resume", "a/b"]])
def test_names_that_are_none_are_refused(runs: Path, words: list[str]) -> None:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr

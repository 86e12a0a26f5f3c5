"""Stand-ins for a training: processes that only wait, or end as they are told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.training.launch import LaunchSpec
from core.training.recipe import checked_recipe

RECIPE = checked_recipe(
    {
        "name": "tiny",
        "architecture": "islam_cnn",
        "stages": [{"size": 64, "epochs": 2, "learning_rate": 1e-3, "batch_size": 8}],
    },
    "toy",
)

TOY = """
import signal, sys, time
from pathlib import Path
from core.runs.directory import RunDirectory
mode, path = sys.argv[1], Path(sys.argv[2])
if mode == "refuse":
    print("Something about the data is wrong.")
    sys.exit(2)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "slow start":
    time.sleep(60)
run = RunDirectory(path)
with run.hold():
    (path / "recipe.json").write_text("{}")
    run.report(state="training", epochs=2, message="--resume" in sys.argv and "resumed" or "begun")
    if mode == "finish":
        run.report(state="done", epoch=2)
    else:
        time.sleep(60)
"""


def use_toys(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Make every training that is started a toy of this mode: wait, refuse, stubborn, slow start or finish."""

    def command(self: LaunchSpec, run: Path, resume: bool) -> list[str]:
        words = [sys.executable, "-c", TOY, mode, str(run), "train", "--run", str(run)]
        return [*words, "--resume"] if resume else words

    monkeypatch.setattr(LaunchSpec, "command", command)


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something is so, and fail where it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

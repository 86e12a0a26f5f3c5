"""Trainings as real processes, as a user starts them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import cache
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

TRAININGS = "tests.support.trainings"
SCRIPT = Path(__file__).with_name("trainings.py")
PATIENCE = 240.0  # s that one training may take on a busy machine


def environment() -> dict[str, str]:
    """One thread a process, and no trace of other processes that train."""
    kept = {key: value for key, value in os.environ.items() if key not in {"RANK", "LOCAL_RANK", "WORLD_SIZE"}}
    return kept | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}


def command(recipe: Path, cells: Path, run: Path, *more: str) -> list[str]:
    """What follows `python`: the script and its arguments."""
    places = ["--data", str(cells), "--folder", str(run), "--cache", str(run.parent / "cache")]
    return [str(SCRIPT), "train", str(recipe), *places, "--no-leak-check", *more]


@cache
def prepared() -> Any:
    """A server of processes that have imported all that a training needs, so that none of them does it again."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "core.training.export", "core.training.fit", TRAININGS])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    return context


def started(words: list[str], out: Path) -> Any:
    """A process of its own that does what `python WORDS` does, WORDS being `command`'s; it writes to `out`."""
    process = prepared().Process(target=_train, args=(words, str(out)))
    process.start()
    return process


def _train(words: list[str], out: str) -> None:
    """Be `python WORDS` in this process, which has just been forked."""
    from core.cli.commands import command_line
    from core.models.registry import ARCHITECTURES
    from tests.support.trainings import TOYS

    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(os.open(f"{out}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = words
    ARCHITECTURES.update(TOYS)
    torch.set_num_threads(1)
    command_line(["train"])()


def trained(words: list[str]) -> str:
    """Run `python WORDS` to its end, which must be a good one; what it wrote."""
    result = subprocess.run(
        [sys.executable, *words], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def trained_alone(words: list[str], folder: Path) -> None:
    """As `trained`, in a prepared process; for a training in one process. What it writes goes to `folder`."""
    process = started(words, folder / "out")
    process.join(PATIENCE)
    assert process.exitcode == 0, (folder / "out.err").read_text()[-3000:]


def killed(words: list[str], history: Path, seed: int) -> bool:
    """Start `python WORDS`, and end it with SIGKILL a random while after its first epoch; whether that was in time."""
    begun, before = time.monotonic(), rows(history)
    process = started(words, history.parent.with_suffix(".out"))
    while rows(history) <= before and process.is_alive() and time.monotonic() - begun < PATIENCE:
        time.sleep(0.005)
    time.sleep(random.Random(seed).uniform(0, 0.6))
    process.kill()
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)


def rows(history: Path) -> int:
    """Epochs in a history."""
    return len(history.read_text().splitlines()) - 1 if history.is_file() else 0


def figures(run: Path) -> pd.DataFrame:
    """The history without what depends on the clock."""
    return pd.read_csv(run / "history.csv").drop(columns=["seconds", "images_per_second"])


def weights(run: Path) -> dict[str, torch.Tensor]:
    """The weights of the run's model folder."""
    return load_file(run / "model" / "model.safetensors")

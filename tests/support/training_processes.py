"""Trainings as real processes, as a user starts them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file

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


def trained(words: list[str]) -> str:
    """Run `python WORDS` to its end, which must be a good one; what it wrote."""
    result = subprocess.run(
        [sys.executable, *words], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def killed(words: list[str], history: Path, seed: int) -> bool:
    """Start `python WORDS`, and end it with SIGKILL a random while after its first epoch; whether that was in time."""
    with subprocess.Popen([sys.executable, *words], env=environment(), stderr=subprocess.DEVNULL) as process:
        begun, before = time.monotonic(), rows(history)
        while rows(history) <= before and process.poll() is None and time.monotonic() - begun < PATIENCE:
            time.sleep(0.005)
        time.sleep(random.Random(seed).uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def rows(history: Path) -> int:
    """Epochs in a history."""
    return len(history.read_text().splitlines()) - 1 if history.is_file() else 0


def figures(run: Path) -> pd.DataFrame:
    """The history without what depends on the clock."""
    return pd.read_csv(run / "history.csv").drop(columns=["seconds", "images_per_second"])


def weights(run: Path) -> dict[str, torch.Tensor]:
    """The weights of the run's model folder."""
    return load_file(run / "model" / "model.safetensors")

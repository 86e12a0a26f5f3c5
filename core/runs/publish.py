"""Taking the model of a finished run into the folder of checkpoints, where the dashboard finds it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core.errors import InputError
from core.files import remove_partials
from core.models.card import read_card
from core.models.checkpoints import available, free_folder, load_classifier
from core.runs.directory import RunDirectory

MODEL = "model"

FILES = ("card.json", "model.safetensors", "history.csv", "predictions.parquet")

LARGEST = 2_000_000_000  # bytes a file


def publish(run: RunDirectory, checkpoints: Path) -> str:
    """Copy the run's model into `checkpoints` under a name that is free, and return the name.

    InputError where the run is not done, its model does not load, or there is no room.
    """
    if run.state() != "done":
        raise InputError(f"{run.name} is not done yet: its model is written at the end.")
    folder = run.path / MODEL
    load_classifier(folder)
    name = free_folder(checkpoints, run.name).name
    remove_partials(checkpoints)
    partial = checkpoints / f".{name}.{os.getpid()}.partial"
    try:
        partial.mkdir(parents=True)
        for file in FILES:
            if _plain(folder / file):
                shutil.copyfile(folder / file, partial / file)
        partial.rename(checkpoints / name)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(f"The model could not be copied into {checkpoints}: {error.strerror or error}.") from error
    return name


def published_name(run: RunDirectory, checkpoints: Path) -> str | None:
    """The name under which this very model stands among the checkpoints already, if it does."""
    try:
        digest = read_card(run.path / MODEL / "card.json").weights_sha256
    except InputError:
        return None
    for name in available(checkpoints):
        try:
            if read_card(checkpoints / name / "card.json").weights_sha256 == digest:
                return name
        except InputError:
            continue
    return None


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST

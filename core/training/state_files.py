"""The files that a run goes on from: written whole or not at all, read without unpickling."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from core.errors import InputError


def write_state(state: dict[str, Any], path: Path) -> None:
    """Write `state` beside `path`, then put it in its place; InputError, and the earlier file intact, where it fails.

    A full disk so costs the present epoch and no more.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer raises RuntimeError where the disk is full
        partial.unlink(missing_ok=True)
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full" if full else " ".join(str(error).split())[:200]
        raise InputError(
            f"{path.name} could not be written to {path.parent} ({reason}). The state after the epoch before is "
            "intact: make room, then go on with --resume."
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """Read a file of `write_state`; InputError where it is damaged or holds anything but tensors and plain values."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path.name} in {path.parent} is damaged, or was not written by a run. Nothing can be resumed from it: "
            "start anew in another folder with --run, or put a copy of the file back."
        ) from error
    if not isinstance(state, dict) or "state_dict" not in state:
        raise InputError(f"{path.name} in {path.parent} holds no training state: start anew in another folder.")
    return state


class WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoints, through `write_state` and `read_state`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the run's state whole or not at all."""
        write_state(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Read it back without unpickling."""
        return read_state(Path(path))

"""A run's turn at its device: it waits in line, and says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.runs.directory import RunDirectory
from core.runs.line import Tell, in_line
from core.runs.place import default_runs


@contextmanager
def turn(run: RunDirectory, devices: Sequence[str], tell: Tell, runs: Path | None = None) -> Iterator[None]:
    """Wait until no earlier run wants one of `devices`, reported as "waiting"; then go on as "preparing".

    The line is that of the folder `runs` (default: where runs are kept), wherever the run's own directory is.
    """

    def told(words: str) -> None:
        run.report(state="waiting", message=words)
        tell(f"Waiting in line: {words}.")

    with in_line(runs or default_runs(), devices, run.name, told):
        run.report(state="preparing", message="")
        yield


def claimed_devices(gpus: Sequence[int]) -> tuple[str, ...]:
    """What a training on the GPUs of these numbers claims, as the whole machine numbers them; none: the processor.

    A process that is shown some GPUs alone (CUDA_VISIBLE_DEVICES) counts those from 0.
    """
    if not gpus:
        return ("cpu",)
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple(f"cuda:{shown[number] if number < len(shown) else number}" for number in gpus)

"""What one image costs in training: measured on this machine, remembered, or read from a table of another machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.plain_files import read_bounded, write_whole
from core.runs.place import ROOT

FILE = ".paces.json"
LARGEST_FILE, MOST_PACES = 1_000_000, 500
PATIENCE = 120.0  # s for a trial of some ten seconds, the start of its process included
JUDGING = 0.3  # of an image's cost in training, where it was not measured: a forward pass without a backward one
TABLE_THREADS, TABLE_SIZE = 2, 128
TABLE = {  # s an image, forward and backward in float32 at 128 px, batches of 32, two cores with AVX2
    "mobilenet_v3_small": 0.0042,
    "resnet50": 0.105,
    "vgg19": 0.40,
    "islam_cnn": 0.006,
    "mobilenet_v2": 0.06,
    "inception_v3": 0.15,
    "densenet201": 0.15,
}
Positive = Annotated[float, Field(gt=0, lt=1e4, allow_inf_nan=False)]


class Pace(BaseModel):
    """Seconds that one image takes to train on and to be judged; `when` (s since 1970) it was measured, 0 if tabled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: Positive
    judge: Positive
    when: float = Field(default=0.0, ge=0, le=1e11)
    machine: str = Field(default="", max_length=200)


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tabled_pace(architecture: str, size: int) -> Pace | None:
    """A rough pace on a processor, by the table, the image's area and the cores at hand; None for other networks."""
    if architecture not in TABLE:
        return None
    train = TABLE[architecture] * (size / TABLE_SIZE) ** 2 * TABLE_THREADS / min(16, threads())
    return Pace(train=train, judge=JUDGING * train)


def known_pace(runs: Path, architecture: str, size: int, batch: int, gpu: int | None = None) -> Pace | None:
    """What was measured here before, None where nothing was."""
    return _read(runs / FILE).get(_key(architecture, size, batch, gpu))


def measured_pace(runs: Path, architecture: str, size: int, batch: int, gpu: int | None = None) -> Pace:
    """Measure for some seconds, in a process of its own, and remember it; InputError where that does not work."""
    words = [sys.executable, "-m", "core.runs.trial", architecture, str(size), str(batch)]
    shown = {"CUDA_VISIBLE_DEVICES": "" if gpu is None else str(gpu)}
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env={**os.environ, **shown},
            capture_output=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        pace = Pace.model_validate({**json.loads(done.stdout), "when": time.time()})
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise InputError(
            f"A trial of {architecture} at {size} px in batches of {batch} did not work here: there may be too little "
            "memory. Try smaller batches or a smaller input size."
        ) from error
    _remember(runs / FILE, _key(architecture, size, batch, gpu), pace)
    return pace


def _key(architecture: str, size: int, batch: int, gpu: int | None) -> str:
    where = f"{threads()} threads" if gpu is None else f"gpu {gpu}"
    return f"{platform.node()}|{where}|{architecture}|{size}|{batch}"


def _read(path: Path) -> dict[str, Pace]:
    try:
        document = json.loads(read_bounded(path, LARGEST_FILE) or b"{}")
        return {str(key): Pace.model_validate(value) for key, value in list(document.items())[:MOST_PACES]}
    except (ValueError, AttributeError, RecursionError, ValidationError):
        return {}


def _remember(path: Path, key: str, pace: Pace) -> None:
    kept = {**{k: v for k, v in _read(path).items() if k != key}, key: pace}
    newest = dict(sorted(kept.items(), key=lambda item: item[1].when)[-MOST_PACES:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({k: v.model_dump() for k, v in newest.items()}).encode())
    except OSError:
        return  # it is measured again next time

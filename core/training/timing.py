"""How long a training will take, roughly, before it starts: what one image costs, measured on this machine (`python -m
core.training.timing ARCHITECTURE SIZE BATCH`), remembered, or read from a table of another machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from core.errors import InputError
from core.files import read_bounded, write_whole
from core.models.registry import architecture
from core.runs.directory import ROOT
from core.training.recipe import Recipe, StageRecipe

Positive = Annotated[float, Field(gt=0, lt=1e4, allow_inf_nan=False)]

FILE = ".paces.json"
LARGEST_FILE, MOST_TIMINGS = 1_000_000, 500
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

CLASSES = 5
SECONDS = 4.0  # for training steps; half of it for judging


class Timing(BaseModel):
    """Seconds that one image takes to train on and to be judged; `when` (s since 1970) it was measured, 0 if tabled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: Positive
    judge: Positive
    when: float = Field(default=0.0, ge=0, le=1e11)
    machine: str = Field(default="", max_length=200)


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tabled_timing(architecture: str, size: int) -> Timing | None:
    """A rough timing on a processor, by the table, the image's area and the cores at hand; None for other networks."""
    if architecture not in TABLE:
        return None
    train = TABLE[architecture] * (size / TABLE_SIZE) ** 2 * TABLE_THREADS / min(16, threads())
    return Timing(train=train, judge=JUDGING * train)


def known_timing(runs: Path, architecture: str, size: int, batch: int, gpu: int | None = None) -> Timing | None:
    """What was measured here before, None where nothing was."""
    return _read(runs / FILE).get(_key(architecture, size, batch, gpu))


def measured_timing(
    runs: Path, architecture: str, size: int, batch: int, gpu: int | None = None, seconds: float = SECONDS
) -> Timing:
    """Train for about `seconds` in a process of its own, and remember how long an image takes.

    InputError where that does not work.
    """
    words = [sys.executable, "-m", "core.training.timing", architecture, str(size), str(batch), str(seconds)]
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
        timing = Timing.model_validate({**json.loads(done.stdout), "when": time.time()})
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise InputError(
            f"A trial of {architecture} at {size} px in batches of {batch} did not work here: there may be too little "
            "memory. Try smaller batches or a smaller input size."
        ) from error
    _remember(runs / FILE, _key(architecture, size, batch, gpu), timing)
    return timing


def _key(architecture: str, size: int, batch: int, gpu: int | None) -> str:
    where = f"{threads()} threads" if gpu is None else f"gpu {gpu}"
    return f"{platform.node()}|{where}|{architecture}|{size}|{batch}"


def _read(path: Path) -> dict[str, Timing]:
    try:
        document = json.loads(read_bounded(path, LARGEST_FILE) or b"{}")
        return {str(key): Timing.model_validate(value) for key, value in list(document.items())[:MOST_TIMINGS]}
    except (ValueError, AttributeError, RecursionError, ValidationError):
        return {}


def _remember(path: Path, key: str, timing: Timing) -> None:
    kept = {**{k: v for k, v in _read(path).items() if k != key}, key: timing}
    newest = dict(sorted(kept.items(), key=lambda item: item[1].when)[-MOST_TIMINGS:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({k: v.model_dump() for k, v in newest.items()}).encode())
    except OSError:
        return  # it is measured again next time


def trial(name: str, size: int, batch: int, seconds: float = SECONDS) -> dict[str, float | str]:
    """Time forward and backward passes with an optimiser's step, then forward passes, on pictures of noise."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    random = torch.Generator().manual_seed(0)
    network = architecture(name).build(CLASSES).to(device).to(memory_format=torch.channels_last)
    views = torch.rand(batch, 3, size, size, generator=random).to(device, memory_format=torch.channels_last)
    labels = (torch.arange(batch) % CLASSES).to(device)
    train = _timed(_training(network, views, labels), seconds, device) / batch
    network.eval()
    with torch.no_grad():
        judge = _timed(lambda: network(views), seconds / 2, device) / batch
    return {"train": train, "judge": judge, "machine": _machine(device)}


def _training(network: nn.Module, views: Tensor, labels: Tensor) -> Callable[[], object]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(network(views), labels).backward()
        optimiser.step()

    return step


def _timed(work: Callable[[], object], seconds: float, device: torch.device) -> float:
    """Seconds of one piece of work, the first left out."""
    work()
    _wait(device)
    started, done = time.perf_counter(), 0
    while done < 2 or time.perf_counter() - started < seconds:
        work()
        _wait(device)
        done += 1
        if time.perf_counter() - started > 4 * seconds:
            break
    return (time.perf_counter() - started) / done


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''}, no GPU"


TimingOf = Callable[[int, int], Timing | None]


@dataclass(frozen=True)
class DurationEstimate:
    """`seconds` if no early stopping ends it; `measured` on this machine, at `when` (s since 1970) and longest ago.

    `may_stop_early` where the recipe has a patience that is shorter than its last stage.
    """

    seconds: float
    may_stop_early: bool
    measured: bool
    when: float
    machine: str


def estimate(
    recipe: Recipe, train: int, validation: int, timing_of: TimingOf, devices: int = 1
) -> DurationEstimate | None:
    """Estimate a training on so many images of the set; `timing_of(size, batch)` tells what one costs.

    Images an epoch, times epochs, times cost, over the stages; each epoch judges the validation images once. Reading
    the images, which is done once for each set and framing, is not in it. None where a stage's timing is not known.
    """
    timings = [timing_of(stage.size, stage.batch_size) for stage in recipe.stages]
    known = [timing for timing in timings if timing is not None]
    if len(known) < len(timings):
        return None
    images = train + recipe.data.simulated
    parts = [
        _stage_seconds(stage, timing, images, validation) for stage, timing in zip(recipe.stages, known, strict=True)
    ]
    return DurationEstimate(
        seconds=sum(parts) / max(1, devices),
        may_stop_early=0 < recipe.patience < recipe.stages[-1].epochs,
        measured=all(timing.when for timing in known),
        when=min(timing.when for timing in known),
        machine=known[0].machine,
    )


def pairs(recipe: Recipe) -> tuple[tuple[int, int], ...]:
    """The input sizes and batch sizes whose timing an estimate needs."""
    return tuple(dict.fromkeys((stage.size, stage.batch_size) for stage in recipe.stages))


def _stage_seconds(stage: StageRecipe, timing: Timing, images: int, validation: int) -> float:
    return stage.epochs * ((stage.samples or images) * timing.train + validation * timing.judge)


if __name__ == "__main__":
    print(json.dumps(trial(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))

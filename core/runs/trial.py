"""A trial of some seconds: `python -m core.runs.trial ARCHITECTURE SIZE BATCH` prints what an image costs, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.models.registry import architecture

CLASSES = 5
SECONDS = 4.0  # for training steps; half of it for judging


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


if __name__ == "__main__":
    print(json.dumps(trial(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

"""Which processor or GPU the networks run on, and what happens where a GPU's memory does not suffice."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable

import torch
from torch import Tensor

from core.errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")
SWITCH = "LEUKOLENS_DEVICE"
LOG = logging.getLogger(__name__)


def chosen_device(name: str | None = None) -> torch.device:
    """The device of that name, by default the one that LEUKOLENS_DEVICE names, else "auto": a GPU where there is one.

    InputError for an unknown name, or a GPU that is not there.
    """
    wanted = (name or os.environ.get(SWITCH, "").strip() or "auto").lower()
    if wanted not in DEVICES:
        raise InputError(f"No device {wanted[:40]!r}. Known: {', '.join(DEVICES)}.")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.mps.device_count() > 0, "cpu": True}
    if wanted == "auto":
        wanted = next(one for one, found in there.items() if found)
    if not there[wanted]:
        raise InputError(f"No {wanted} device is usable here: leave --device out, or take --device cpu.")
    return torch.device(wanted)


def device_title(device: torch.device) -> str:
    """The device as a reader knows it: "NVIDIA H100", "Apple GPU", "processor, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"processor ({platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"


def within_memory(
    network: Callable[[Tensor], Tensor], pictures: Tensor, on_processor: Callable[[Tensor], Tensor]
) -> Tensor:
    """`network(pictures)` `(N, …)`; where the GPU's memory is full, in halves, and where one picture is too much for it
    by `on_processor`. A function of each picture alone gives the same either way, up to rounding.
    """
    try:
        return network(pictures)
    except torch.OutOfMemoryError:
        LOG.warning("the GPU's memory is full at %d pictures: going on with fewer", len(pictures))
    half = len(pictures) // 2
    if not half:
        LOG.warning("one picture is too much for the GPU's memory: the processor takes over")
        return on_processor(pictures.cpu()).to(pictures.device)
    rest = pictures[half:]
    first = within_memory(network, pictures[:half], on_processor)
    return torch.cat([first, within_memory(network, rest, on_processor)])

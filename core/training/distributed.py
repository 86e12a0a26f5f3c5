"""Several processes that train one network: who is first, and how the others wait.

`--devices N` lets Lightning start the processes, `torchrun` starts them from outside, on one machine or many (it takes
`--run` for an option of its own: say `--folder` there). Every
process takes its part of the same batches and gradients are averaged, so that a network without batch normalisation
(vgg19 as it stands) trains as in one process, but for rounding and dropout's draws. Batch normalisation takes its
statistics from each process's own part: resnet50, mobilenet_v3_small, mobilenet_v2, inception_v3, densenet201,
islam_cnn, and vgg19 with `batch_norm = true`, differ from one process by that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed

PATIENCE = timedelta(hours=6)  # that the others wait while the first prepares or measures


def rank() -> int:
    """This process's number among those that train together; 0 where it is alone."""
    for name in ("RANK", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def started_by_torchrun() -> bool:
    """Whether torchrun started this process, with others beside it."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def join() -> None:
    """Under torchrun, meet the other processes before there is a trainer; otherwise nothing."""
    if started_by_torchrun() and not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)


@contextmanager
def first_goes_ahead() -> Iterator[None]:
    """What stands inside is done by the first process, then by the others, who find its results on the disk."""
    together = distributed.is_initialized()
    if together and rank() > 0:
        distributed.barrier()
    yield
    if together and rank() == 0:
        distributed.barrier()


def trainer_options(devices: int) -> dict[str, object]:
    """How Lightning's trainer spreads over the processes: GPUs where there are any, else processor cores."""
    accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    if started_by_torchrun():
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        nodes = int(os.environ["WORLD_SIZE"]) // local
        return {"accelerator": accelerator, "devices": local, "num_nodes": nodes, "strategy": "ddp"}
    if devices > 1:
        return {"accelerator": accelerator, "devices": devices, "strategy": "ddp"}
    return {"accelerator": accelerator, "devices": 1}

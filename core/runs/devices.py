"""What this machine can train on."""

from __future__ import annotations


def gpu_names() -> tuple[str, ...]:
    """Names of the GPUs that a training can be given, by number; none where there is no usable one."""
    import torch

    try:
        return tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    except (RuntimeError, AssertionError):
        return ()

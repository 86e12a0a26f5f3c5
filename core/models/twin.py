"""Copies of a network for many evaluations: normalisation folded into the convolutions, in a faster number format."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from core.hardware import computes_bfloat16

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def twin(network: nn.Module, precision: str) -> nn.Module:
    """Return a frozen copy of `network` with the same function up to rounding, in channels_last and `precision`.

    It takes `(N, 3, S, S)` of that precision and gives logits `(N, K)`. The original is not touched.
    """
    fused = fuse(copy.deepcopy(network).eval()).to(DTYPES[precision])
    return fused.to(memory_format=torch.channels_last).requires_grad_(False)


def processor_has(precision: str, device: torch.device) -> bool:
    """Whether `device` computes in `precision` natively; emulated bfloat16 is slower than float32 by far."""
    return precision == "float32" or computes_bfloat16(device)

"""What this machine computes quickly."""

from __future__ import annotations

import platform

import torch


def computes_bfloat16(device: torch.device) -> bool:
    """Whether `device` has instructions of its own for bfloat16; where it is emulated, float32 is faster by far.

    oneDNN says yes on every AVX-512 processor, also on those that lack `avx512_bf16` and AMX, so the processor's own
    flags are asked as well.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    if platform.machine() not in {"x86_64", "AMD64"}:
        return True
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())

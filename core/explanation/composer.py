"""From a picture, a baseline and masks to the standardised pictures that a network takes: one pass over the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.transform import FLOOR

LEVELS = np.arange(256, dtype=np.float64)


class Composer:
    """Pictures that show `original` where a mask keeps it and `baseline` elsewhere, both `(S, S, 3) uint8`.

    What it returns is `standardise` of those pictures, in `dtype` (float32 or bfloat16) and channels_last.
    """

    def __init__(self, original: NDArray[np.uint8], baseline: NDArray[np.uint8], dtype: torch.dtype) -> None:
        self._original = np.ascontiguousarray(original)
        self._baseline = np.ascontiguousarray(baseline)
        self._dtype = dtype
        base = torch.from_numpy(self._baseline).float() / 255
        step = torch.from_numpy(self._original).float() / 255 - base
        self._base, self._step = base, step  # (S, S, 3)
        flat_base, flat_step = base.double().reshape(-1, 3), step.double().reshape(-1, 3)
        self._moments = torch.cat([flat_step, flat_step * flat_base], 1)  # (P, 6), for a mask
        self._squares = flat_step**2  # (P, 3), for its square
        self._of_base = torch.stack([flat_base.sum(0), (flat_base**2).sum(0)])

    def hard(self, keep: NDArray[np.bool_] | NDArray[np.uint8]) -> Tensor:
        """Pictures `(n, 3, S, S)` that keep the pixels where `keep` `(n, S, S)` is not 0.

        A picture of bytes has 256 levels, so that standardising it is one look-up a value.
        """
        masks = keep.view(np.uint8) if keep.dtype == np.bool_ else keep
        composed = np.repeat(self._baseline[None], len(masks), axis=0)  # (n, S, S, 3)
        tables = np.empty((len(masks), 256, 3), dtype=np.float32)
        for picture, mask, table in zip(composed, masks, tables, strict=True):
            cv2.copyTo(self._original, mask, picture)
            table[:] = _table(picture)
        in_dtype = _bits(torch.from_numpy(tables).to(self._dtype))
        made = torch.empty(composed.shape, dtype=self._dtype)
        for picture, table, target in zip(composed, in_dtype, _bits(made), strict=True):
            cv2.LUT(picture, table[None], target)
        return made.permute(0, 3, 1, 2)

    def soft(self, keep: NDArray[np.float32]) -> Tensor:
        """Pictures `(n, 3, S, S)` that keep the share `keep` `(n, S, S)`, in [0, 1], of each pixel.

        Mean and deviation follow from the mask's products with what is known of the two pictures.
        """
        masks = np.ascontiguousarray(keep, dtype=np.float32)
        scale, shift = self._affine(torch.from_numpy(masks).flatten(1).double())
        made = torch.empty((len(masks), *self._base.shape), dtype=self._dtype)
        for mask, target, by, plus in zip(masks, made, scale, shift, strict=True):
            shares = torch.from_numpy(cv2.merge([mask, mask, mask]))
            target.copy_(torch.addcmul(self._base, shares, self._step).mul_(by).add_(plus))
        return made.permute(0, 3, 1, 2)

    def _affine(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """What to multiply and to add `(n, 3)`, from masks `(n, P)`."""
        count = masks.shape[1]
        crossed = masks @ self._moments
        total = self._of_base[0] + crossed[:, :3]
        squares = self._of_base[1] + 2 * crossed[:, 3:] + masks**2 @ self._squares
        variance = (squares - total**2 / count) / (count - 1)
        scale = 1 / (variance.clamp(min=0).sqrt() + FLOOR)
        return scale.float(), (-total / count * scale).float()


def _table(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What `standardise` makes of each level in each channel of a picture, `(256, 3)`."""
    count = picture.shape[0] * picture.shape[1]
    mean, spread = cv2.meanStdDev(picture)  # (3, 1), the spread over `count`
    unbiased = spread[:, 0] * np.sqrt(count / (count - 1))
    return np.asarray((LEVELS[:, None] - mean[:, 0]) / (unbiased + 255 * FLOOR))


def _bits(values: Tensor) -> NDArray[np.generic]:
    """A view of `values` that numpy knows: bfloat16 as the 16-bit numbers it is stored in."""
    return values.numpy() if values.dtype == torch.float32 else values.view(torch.int16).numpy()

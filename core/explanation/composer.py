"""From a picture, a baseline and masks to the standardised pictures that a network takes, in few passes."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.explanation.scene import nbytes_of
from core.transform import FLOOR

LEVELS = np.arange(256, dtype=np.float64)
Sums = tuple[NDArray[np.float64], NDArray[np.float64]]


class Composer:
    """Pictures that show `original` where a mask keeps it and `baseline` elsewhere, both `(S, S, 3) uint8`.

    What it returns is `standardise` of those pictures, `(n, 3, S, S)` in `dtype` (float32 or bfloat16), channels_last.
    Pictures cut hard out of bytes have 256 levels, so that standardising them is one look-up a value.
    """

    def __init__(self, original: NDArray[np.uint8], baseline: NDArray[np.uint8], dtype: torch.dtype) -> None:
        self._original = np.ascontiguousarray(original)
        self._baseline = np.ascontiguousarray(baseline)
        self._dtype = dtype
        base = torch.from_numpy(self._baseline).float() / 255
        self._step = torch.from_numpy(self._original).float() / 255 - base  # (S, S, 3)
        self._base = base - base.mean(dim=(0, 1))  # standardising takes every shift off again
        flat_base, flat_step = self._base.reshape(-1, 3), self._step.reshape(-1, 3)
        self._moments = torch.cat([flat_step, flat_step * flat_base], dim=1)  # (P, 6), for a mask
        self._squares = flat_step**2  # (P, 3), for its square

    @property
    def nbytes(self) -> int:
        """Of what is known of the two pictures; they themselves are the scene's."""
        return nbytes_of(self._step, self._base, self._moments, self._squares)

    def sums(self, labels: NDArray[np.uint8]) -> Sums:
        """Sums of levels and of squared levels in each superpixel of `labels` `(S, S)`: kept ones, hidden ones."""
        return _sums(self._original, labels), _sums(self._baseline, labels)

    def of_regions(self, keep: NDArray[np.bool_], labels: NDArray[np.uint8], sums: Sums) -> Tensor:
        """Pictures that keep the superpixels `keep` `(n, s)`, s <= 256, of `labels`, whose `sums` they are."""
        tables = np.zeros((len(keep), 256), dtype=np.uint8)
        tables[:, : keep.shape[1]] = keep
        kept = tables.astype(np.float64)
        first, second = np.hsplit(kept @ sums[0] + (1 - kept) @ sums[1], 2)  # (n, 3) each
        mean = first / labels.size
        spread = np.sqrt(np.maximum(second / labels.size - mean**2, 0))
        return self._looked_up(np.stack([cv2.LUT(labels, table) for table in tables]), mean, spread)

    def hard(self, keep: NDArray[np.bool_]) -> Tensor:
        """Pictures that keep the pixels where `keep` `(n, S, S)` is not 0."""
        return self._looked_up(keep.view(np.uint8))

    def soft(self, keep: NDArray[np.float32]) -> Tensor:
        """Pictures that keep the share `keep` `(n, S, S)`, in [0, 1], of each pixel.

        Mean and deviation follow from the mask's products with what is known of the two pictures.
        """
        masks = np.ascontiguousarray(keep, dtype=np.float32)
        scale, shift = self._affine(torch.from_numpy(masks).flatten(1))
        made = torch.empty((len(masks), *self._base.shape), dtype=self._dtype)
        for mask, target, by, plus in zip(masks, made, scale, shift, strict=True):
            shares = torch.from_numpy(cv2.merge([mask, mask, mask]))
            target.copy_(torch.addcmul(plus, torch.addcmul(self._base, shares, self._step), by))
        return made.permute(0, 3, 1, 2)

    def _looked_up(
        self,
        masks: NDArray[np.uint8],
        mean: NDArray[np.float64] | None = None,
        spread: NDArray[np.float64] | None = None,
    ) -> Tensor:
        """Hard cuts by masks `(n, S, S)`; `mean` and `spread` `(n, 3)` of their levels where they are known."""
        pictures = np.repeat(self._baseline[None], len(masks), axis=0)  # (n, S, S, 3)
        for picture, mask in zip(pictures, masks, strict=True):
            cv2.copyTo(self._original, mask, picture)
        if mean is None or spread is None:
            both = np.array([cv2.meanStdDev(picture) for picture in pictures])[..., 0]
            mean, spread = both[:, 0], both[:, 1]
        tables = _bits(torch.from_numpy(_tables(mean, spread, masks[0].size)).to(self._dtype))
        made = torch.empty(pictures.shape, dtype=self._dtype)
        for picture, table, target in zip(pictures, tables, _bits(made), strict=True):
            cv2.LUT(picture, table[None], target)
        return made.permute(0, 3, 1, 2)

    def _affine(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """What to multiply and to add `(n, 3)`, from masks `(n, P)`."""
        count = masks.shape[1]
        crossed = masks @ self._moments
        total = crossed[:, :3]
        squares = (self._base**2).sum(dim=(0, 1)) + 2 * crossed[:, 3:] + masks**2 @ self._squares
        variance = (squares - total**2 / count) / (count - 1)
        scale = 1 / (variance.clamp(min=0).sqrt() + FLOOR)
        return scale, -total / count * scale


def _sums(picture: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Sums of the levels and of their squares in each superpixel and channel, `(256, 6)`."""
    flat, values = labels.ravel(), picture.reshape(-1, 3).astype(np.float64)
    columns = np.concatenate([values, values**2], axis=1).T
    return np.stack([np.bincount(flat, column, minlength=256) for column in columns], axis=1)


def _tables(mean: NDArray[np.float64], spread: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """What `standardise` makes of each level, `(n, 256, 3)`; the spread is over `count` pixels, not one fewer."""
    unbiased = spread * np.sqrt(count / (count - 1))
    tables = (LEVELS[:, None] - mean[:, None]) / (unbiased[:, None] + 255 * FLOOR)
    return np.asarray(tables, dtype=np.float32)


def _bits(values: Tensor) -> NDArray[np.generic]:
    """A view of `values` that numpy knows: bfloat16 as the 16-bit numbers it is stored in."""
    return values.numpy() if values.dtype == torch.float32 else values.view(torch.int16).numpy()

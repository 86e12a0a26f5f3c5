"""One picture before the models, and all that its explanations share: superpixels, baselines, evaluations, and the
masks of the cell and its nucleus."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.models.classifier import resize
from core.preprocessing.segmentation import find_nucleus, outline_cell

Mask = NDArray[np.bool_]

SIDE = 224  # px: superpixels, baselines and masks are made at this side, and scaled to what each model takes
MOST_SHARED = 96  # results kept, the least recently used go first
T = TypeVar("T")


@dataclass(eq=False)
class ImageContext:
    """A framed RGB picture `(h, w, 3) uint8`; many threads may share one.

    `given_mask` `(h, w) bool` is the reader's own mask of the cell, in the place of the estimated one;
    `given_regions` `(h, w) int32` are the reader's own regions, for methods that weigh parts of the picture.
    """

    rgb: NDArray[np.uint8]
    given_mask: NDArray[np.bool_] | None = None
    given_regions: NDArray[np.int32] | None = None
    _kept: OrderedDict[Hashable, _Once] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        wanted = self.rgb.shape[:2]
        for what, given in (("mask has", self.given_mask), ("picture of regions has", self.given_regions)):
            if given is not None and given.shape != wanted:
                found = given.shape
                raise InputError(
                    f"The {what} {found[1]}x{found[0]} pixels and the picture {wanted[1]}x{wanted[0]}: "
                    "they must be the same."
                )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the picture, its size, the given mask and the given regions."""
        parts = [repr(self.rgb.shape).encode(), self.rgb.tobytes()]
        if self.given_mask is not None:
            parts.append(self.given_mask.tobytes())
        if self.given_regions is not None:
            parts += [b"regions", self.given_regions.tobytes()]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def picture(self, side: int = SIDE) -> NDArray[np.uint8]:
        """The picture as a model of input `side` takes it, `(side, side, 3) uint8`."""
        return self.shared(("picture", side), lambda: resize(self.rgb, side))

    @property
    def nbytes(self) -> int:
        """Of the picture, the mask and all that is kept for those who share it, each counted once."""
        kept = {id(once.value): once.value for once in list(self._kept.values())}
        return nbytes_of(self.rgb, self.given_mask, self.given_regions, kept)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes, made once for all who ask for `key`; a failure is not kept."""
        with self._lock:
            once = self._kept.setdefault(key, _Once())
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_SHARED:
                self._kept.popitem(last=False)
        return cast(T, once.get(make))


class _Once:
    """A value made by the first who asks; the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = False
        self.value: Any = None

    def get(self, make: Callable[[], Any]) -> Any:
        if not self._made:
            with self._lock:
                if not self._made:
                    self.value = make()
                    self._made = True
        return self.value


def nbytes_of(*parts: Any) -> int:
    """Bytes of arrays, tensors and whatever else says its `nbytes`, also in lists, tuples and mappings; 0 for None.

    AttributeError for another thing: what is kept must be able to say how large it is.
    """
    total = 0
    for part in parts:
        if isinstance(part, Mapping):
            total += nbytes_of(*list(part.values()))
        elif isinstance(part, list | tuple):
            total += nbytes_of(*part)
        elif part is not None:
            total += part.nbytes
    return total


def scaled_labels(labels: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """Bring a label picture `(s, s) int32` to `(side, side)` by nearest neighbour."""
    if labels.shape == (side, side):
        return labels
    return np.asarray(cv2.resize(labels, (side, side), interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.int32)


@dataclass(frozen=True, eq=False)
class CellMasks:
    """Masks `(224, 224) bool` of the whole cell, nucleus included, and of its nucleus.

    `estimated` tells whether the cell was outlined by the preprocessing pipeline rather than given by the reader; the
    nucleus is always an estimate, None where a cell was given and no nucleus was found in it. `found` is False where
    there is no cell: both masks are empty then.
    """

    cell: Mask
    nucleus: Mask | None
    estimated: bool
    found: bool

    @property
    def nbytes(self) -> int:
        """Of the masks."""
        return nbytes_of(self.cell, self.nucleus)


def cell_masks(context: ImageContext) -> CellMasks:
    """The context's masks, made once: the reader's own where one was given, else estimated from the picture."""
    return context.shared(
        ("cell masks",), lambda: _given(context) if context.given_mask is not None else _estimated(context)
    )


def scaled_mask(mask: Mask, side: int) -> Mask:
    """Bring a mask `(h, w) bool` to `(side, side)`: a pixel belongs where half of its area does."""
    if mask.shape == (side, side):
        return mask
    shrinks = min(mask.shape) > side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    share = cv2.resize(mask.astype(np.float32), (side, side), interpolation=method)
    return np.asarray(share >= 0.5)


def _given(context: ImageContext) -> CellMasks:
    assert context.given_mask is not None
    cell = scaled_mask(context.given_mask, SIDE)
    found = find_nucleus(context.picture()) if cell.any() else None
    nucleus = cell & found.mask if found is not None else None
    if nucleus is not None and not nucleus.any():
        nucleus = None
    if not cell.any():
        nucleus = np.zeros_like(cell)
    return CellMasks(cell, nucleus, estimated=False, found=bool(cell.any()))


def _estimated(context: ImageContext) -> CellMasks:
    nucleus = find_nucleus(context.picture())
    if nucleus is None:
        nothing = np.zeros((SIDE, SIDE), dtype=bool)
        return CellMasks(nothing, nothing, estimated=True, found=False)
    return CellMasks(outline_cell(context.picture(), nucleus), nucleus.mask, estimated=True, found=True)

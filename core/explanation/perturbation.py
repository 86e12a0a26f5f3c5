"""A model's outputs for partly hidden versions of one picture: composed from picture, baseline and masks, standardised,
evaluated in batches and remembered. `HiddenViews` and `RegionViews` are what methods ask."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.explanation.baselines import BaselineSettings, RegionSettings, baseline, of_superpixels
from core.explanation.context import SIDE, ImageContext, nbytes_of
from core.explanation.method import Request, block_size
from core.explanation.superpixels import superpixels
from core.models.card import Scaling
from core.models.classifier import FLOOR, Classifier
from core.models.devices import within_memory
from core.models.staged import DTYPES

Sums = tuple[NDArray[np.float64], NDArray[np.float64]]
Keep = NDArray[np.bool_]

LEVELS = np.arange(256, dtype=np.float64)
BATCH = 8  # pictures a pass: more of them leave the processor's cache and are slower, and steps stay short
LIGHT_BATCH = 64  # over the bytes of a number, for networks that are light, and on a GPU: 32 or 16 pictures
LIGHT = 5_000_000  # parameters; below, the calls themselves cost more than the data leaving the cache
MOST_REMEMBERED = 20_000  # outputs
ENTRY = 300  # bytes of what is remembered, beside the numbers: key, array and their place


class MaskCompositor:
    """Pictures that show `original` where a mask keeps it and `baseline` elsewhere, both `(S, S, 3) uint8`.

    What it returns is `standardise` of those pictures by `scaling`, `(n, 3, S, S)` in `dtype` (float32 or bfloat16),
    channels_last. Pictures cut hard out of bytes have 256 levels, so that standardising them is one look-up a value.
    """

    def __init__(
        self,
        original: NDArray[np.uint8],
        baseline: NDArray[np.uint8],
        dtype: torch.dtype,
        scaling: Scaling | None = None,
    ) -> None:
        self._scaling = scaling
        self._original = np.ascontiguousarray(original)
        self._baseline = np.ascontiguousarray(baseline)
        self._dtype = dtype
        base = torch.from_numpy(self._baseline).float() / 255
        self._step = torch.from_numpy(self._original).float() / 255 - base  # (S, S, 3)
        self._base = base - base.mean(dim=(0, 1))  # standardising takes every shift off again
        self._level = base.mean(dim=(0, 1))  # (3,)
        flat_base, flat_step = self._base.reshape(-1, 3), self._step.reshape(-1, 3)
        self._moments = torch.cat([flat_step, flat_step * flat_base], dim=1)  # (P, 6), for a mask
        self._squares = flat_step**2  # (P, 3), for its square

    @property
    def nbytes(self) -> int:
        """Of what is known of the two pictures; they themselves are the context's."""
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
        if self._scaling is not None:
            return self._by_table(pictures, np.repeat(_fixed_tables(self._scaling)[None], len(pictures), axis=0))
        if mean is None or spread is None:
            both = np.array([cv2.meanStdDev(picture) for picture in pictures])[..., 0]
            mean, spread = both[:, 0], both[:, 1]
        return self._by_table(pictures, _tables(mean, spread, masks[0].size))

    def _by_table(self, pictures: NDArray[np.uint8], wanted: NDArray[np.float32]) -> Tensor:
        """Pictures `(n, S, S, 3)` with each level replaced as their tables `(n, 256, 3)` say."""
        tables = _bits(torch.from_numpy(wanted).to(self._dtype))
        made = torch.empty(pictures.shape, dtype=self._dtype)
        for picture, table, target in zip(pictures, tables, _bits(made), strict=True):
            cv2.LUT(picture, table[None], target)
        return made.permute(0, 3, 1, 2)

    def _affine(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """What to multiply and to add `(n, 3)`, from masks `(n, P)`."""
        if self._scaling is not None:
            mean, deviation = torch.tensor(self._scaling.mean), torch.tensor(self._scaling.deviation)
            found = 1 / deviation, (self._level - mean) / deviation
            return found[0].expand(len(masks), 3), found[1].expand(len(masks), 3)
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


def _fixed_tables(scaling: Scaling) -> NDArray[np.float32]:
    """What `standardise` by `scaling` makes of each level, `(256, 3)`."""
    return ((LEVELS[:, None] / 255 - np.array(scaling.mean)) / np.array(scaling.deviation)).astype(np.float32)


def _bits(values: Tensor) -> NDArray[np.generic]:
    """A view of `values` that numpy knows: bfloat16 as the 16-bit numbers it is stored in."""
    return values.numpy() if values.dtype == torch.float32 else values.view(torch.int16).numpy()


class Evaluator:
    """Logits of pictures in which a mask says what is kept of the original and the rest shows a baseline.

    Every mask is evaluated once, whichever method asks for it, in passes of at most `batch` pictures. Many threads may
    share one.
    """

    def __init__(self, classifier: Classifier, context: ImageContext, baseline_name: str, precision: str) -> None:
        side = classifier.card.input_size
        self.classes = len(classifier.card.classes)
        self._finite = classifier.finite
        self._network = classifier.inference_copy(precision)
        self._device = classifier.device
        light = self._device.type == "cuda" or sum(part.numel() for part in self._network.parameters()) < LIGHT
        self.batch = LIGHT_BATCH // DTYPES[precision].itemsize if light else BATCH
        self._compositor = MaskCompositor(
            context.picture(side), baseline(context, baseline_name, side), DTYPES[precision], classifier.card.scaling
        )
        self._sums: dict[bytes, Sums] = {}
        self._remembered: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Of what hides parts of the picture, and about those of the outputs remembered."""
        remembered = len(self._remembered) * (ENTRY + 4 * self.classes)
        return nbytes_of(self._compositor, self._sums) + remembered

    def of_regions(self, keep: NDArray[np.bool_], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the superpixels `keep` `(N, s) bool` of `labels` `(S, S)`."""
        if keep.shape[1] > 256:
            return self.of_masks(keep[:, labels])
        small = labels.astype(np.uint8)
        stamp = hashlib.blake2b(small.tobytes(), digest_size=16).digest()
        keys = [stamp + row.tobytes() for row in np.packbits(keep, axis=1)]
        if stamp not in self._sums:
            self._sums[stamp] = self._compositor.sums(small)
        sums = self._sums[stamp]
        return self._answers(keys, lambda rows: self._compositor.of_regions(keep[rows], small, sums))

    def of_masks(self, keep: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the share `keep` `(N, S, S)`, in [0, 1] or bool, of each pixel."""
        kept = np.ascontiguousarray(keep)
        keys = [hashlib.blake2b(row.data, digest_size=16).digest() for row in kept]
        if kept.dtype == np.bool_:
            return self._answers(keys, lambda rows: self._compositor.hard(kept[rows].astype(np.bool_, copy=False)))
        return self._answers(keys, lambda rows: self._compositor.soft(kept[rows].astype(np.float32, copy=False)))

    def _answers(self, keys: Sequence[bytes], pictures: Callable[[list[int]], Tensor]) -> NDArray[np.float32]:
        """Logits `(N, K)` by key; `pictures` makes those of the rows that nobody asked for before."""
        if not keys:
            return np.zeros((0, self.classes), dtype=np.float32)
        with self._lock:
            found = {key: self._remembered[key] for key in keys if key in self._remembered}
        missing = {key: row for row, key in enumerate(keys) if key not in found}
        rows = list(missing.values())
        logits = [self._run(pictures(rows[at : at + self.batch])) for at in range(0, len(rows), self.batch)]
        new = dict(zip(missing, np.concatenate(logits), strict=True)) if logits else {}
        with self._lock:
            self._remembered.update(new)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        found.update(new)
        return np.stack([found[key] for key in keys])

    def _run(self, pictures: Tensor) -> NDArray[np.float32]:
        with torch.no_grad():
            logits = within_memory(self._network, pictures.to(self._device), self._on_processor)
        return np.asarray(self._finite(logits.float()).cpu().numpy())

    def _on_processor(self, pictures: Tensor) -> Tensor:
        return copy.deepcopy(self._network).to("cpu")(pictures)


def evaluator(classifier: Classifier, context: ImageContext, baseline_name: str, precision: str) -> Evaluator:
    """The one evaluator of this model, picture, baseline and precision."""
    key = ("evaluator", classifier.identity, baseline_name, precision)
    return context.shared(key, lambda: Evaluator(classifier, context, baseline_name, precision))


class HiddenViews:
    """The request's picture with parts hidden behind its baseline, as its model sees it.

    Pixels that the baseline shows as they are cannot be hidden: masks that differ only there are one and the same, so
    that a picture equal to its baseline has exactly the same outputs behind every mask.
    """

    def __init__(self, request: Request[BaselineSettings]) -> None:
        name, side = request.settings.baseline, request.side
        self.side = side
        self.block = block_size(request.classifier)
        self._evaluator = evaluator(request.classifier, request.context, name, request.precision)
        picture = request.context.picture(side)
        self._unchanged: NDArray[np.bool_] = (picture == baseline(request.context, name, side)).all(axis=2)
        self._any_unchanged = bool(self._unchanged.any())

    @property
    def nbytes(self) -> int:
        """Of its own array; the rest is the context's."""
        return nbytes_of(self._unchanged)

    def logits(self, keep: NDArray[np.bool_] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits `(N, K)` of the picture that keeps the share `keep` `(N, S, S)`, in [0, 1] or bool, of each pixel."""
        if self._any_unchanged:
            keep = np.maximum(keep, self._unchanged.astype(keep.dtype))
        return self._evaluator.of_masks(keep).astype(np.float64)


class RegionViews:
    """The superpixels `labels` `(S, S) int32` of a request, `parts` of them, and logits of the views asked so far.

    A superpixel that the baseline shows just as it is cannot be hidden: views that differ only there are one and the
    same, so that a picture equal to its baseline has exactly the same outputs in all of them.
    """

    def __init__(self, request: Request[RegionSettings]) -> None:
        chosen, side = request.settings, request.side
        cut, regions = chosen.superpixels, chosen.regions
        self.labels = superpixels(request.context, cut, regions, side)
        self.parts = int(superpixels(request.context, cut, regions, SIDE).max()) + 1
        hidden = of_superpixels(chosen.baseline, cut, regions)
        self._evaluator = evaluator(request.classifier, request.context, hidden, request.precision)
        self.batch = self._evaluator.batch
        differs = (request.context.picture(side) != baseline(request.context, hidden, side)).any(axis=2)
        self._unchanged = np.bincount(self.labels.ravel(), differs.ravel(), minlength=self.parts) == 0
        self._classifier = request.classifier
        self.logits = np.zeros((0, len(request.classifier.card.classes)))  # (n, K), in the order asked

    @property
    def count(self) -> int:
        """Views asked so far."""
        return len(self.logits)

    @property
    def nbytes(self) -> int:
        """Of the views' outputs; superpixels are the context's."""
        return nbytes_of(self._unchanged, self.logits)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Of the views asked so far, calibrated as the page shows them, `(n, K)`."""
        return self._classifier.probabilities(self.logits)

    def ask(self, keep: Keep) -> None:
        """Evaluate the views that keep the superpixels `keep` `(n, s)` and add them to `logits`."""
        found = self._evaluator.of_regions(keep | self._unchanged, self.labels)
        self.logits = np.concatenate([self.logits, found.astype(np.float64)])

    def painted(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """A map `(K, S, S)` from a value for each superpixel `(K, s)`."""
        return np.asarray(values, dtype=np.float32)[:, self.labels]

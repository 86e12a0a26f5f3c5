"""A model's outputs for partly hidden versions of one picture: batched, remembered, in the precision asked for."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.classifier import Classifier
from core.explanation.baselines import baseline
from core.explanation.composer import Composer, Sums
from core.explanation.scene import Scene, nbytes_of
from core.models.staged import DTYPES

BATCH = 8  # pictures a pass: more of them leave the processor's cache and are slower, and steps stay short
LIGHT_BATCH = 64  # over the bytes of a number, for networks that are light, and on a GPU: 32 or 16 pictures
LIGHT = 5_000_000  # parameters; below, the calls themselves cost more than the data leaving the cache
MOST_REMEMBERED = 20_000  # outputs
ENTRY = 300  # bytes of what is remembered, beside the numbers: key, array and their place


class Evaluator:
    """Logits of pictures in which a mask says what is kept of the original and the rest shows a baseline.

    Every mask is evaluated once, whichever method asks for it, in passes of at most `batch` pictures. Many threads may
    share one.
    """

    def __init__(self, classifier: Classifier, scene: Scene, baseline_name: str, precision: str) -> None:
        side = classifier.card.input_size
        self.classes = len(classifier.card.classes)
        self._finite = classifier.finite
        self._network = classifier.inference_copy(precision)
        self._device = classifier.device
        light = self._device.type == "cuda" or sum(part.numel() for part in self._network.parameters()) < LIGHT
        self.batch = LIGHT_BATCH // DTYPES[precision].itemsize if light else BATCH
        self._composer = Composer(scene.picture(side), baseline(scene, baseline_name, side), DTYPES[precision])
        self._sums: dict[bytes, Sums] = {}
        self._remembered: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Of what hides parts of the picture, and about those of the outputs remembered."""
        remembered = len(self._remembered) * (ENTRY + 4 * self.classes)
        return nbytes_of(self._composer, self._sums) + remembered

    def of_regions(self, keep: NDArray[np.bool_], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the superpixels `keep` `(N, s) bool` of `labels` `(S, S)`."""
        if keep.shape[1] > 256:
            return self.of_masks(keep[:, labels])
        small = labels.astype(np.uint8)
        stamp = hashlib.blake2b(small.tobytes(), digest_size=16).digest()
        keys = [stamp + row.tobytes() for row in np.packbits(keep, axis=1)]
        if stamp not in self._sums:
            self._sums[stamp] = self._composer.sums(small)
        sums = self._sums[stamp]
        return self._answers(keys, lambda rows: self._composer.of_regions(keep[rows], small, sums))

    def of_masks(self, keep: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the share `keep` `(N, S, S)`, in [0, 1] or bool, of each pixel."""
        kept = np.ascontiguousarray(keep)
        keys = [hashlib.blake2b(row.data, digest_size=16).digest() for row in kept]
        if kept.dtype == np.bool_:
            return self._answers(keys, lambda rows: self._composer.hard(kept[rows].astype(np.bool_, copy=False)))
        return self._answers(keys, lambda rows: self._composer.soft(kept[rows].astype(np.float32, copy=False)))

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
            return np.asarray(self._finite(self._network(pictures.to(self._device)).float()).cpu().numpy())


def evaluator(classifier: Classifier, scene: Scene, baseline_name: str, precision: str) -> Evaluator:
    """The one evaluator of this model, picture, baseline and precision."""
    key = ("evaluator", classifier.identity, baseline_name, precision)
    return scene.shared(key, lambda: Evaluator(classifier, scene, baseline_name, precision))

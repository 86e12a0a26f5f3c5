"""A model's outputs for partly hidden versions of one picture: batched, remembered, in the precision asked for."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.scene import Scene
from core.models.twin import DTYPES
from core.transform import standardise

BATCH = 8  # pictures a pass: more of them leave the processor's cache and are slower, and steps stay short
MOST_REMEMBERED = 20_000  # outputs


class Evaluator:
    """Logits of pictures in which a mask says what is kept of the original and the rest shows a baseline.

    Every mask is evaluated once, whichever method asks for it. Many threads may share one.
    """

    def __init__(self, classifier: Classifier, scene: Scene, baseline_name: str, precision: str) -> None:
        side = classifier.card.input_size
        self.classes = len(classifier.card.classes)
        self.name = classifier.name
        self._network = classifier.twin(precision)
        self._dtype = DTYPES[precision]
        self._device = classifier.device
        self._original = self._pixels(scene.picture(side))
        self._baseline = self._pixels(baseline(scene, baseline_name, side))
        self._remembered: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def of_regions(self, keep: NDArray[np.bool_], labels: NDArray[np.int32]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the superpixels `keep` `(N, s) bool` of `labels` `(S, S)`."""
        stamp = hashlib.blake2b(labels.tobytes(), digest_size=16).digest()
        keys = [stamp + row.tobytes() for row in np.packbits(keep, axis=1)]
        places = torch.from_numpy(labels.astype(np.int64))
        return self._answers(keys, lambda rows: torch.from_numpy(keep[rows])[:, places])

    def of_masks(self, keep: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures that keep the share `keep` `(N, S, S)`, in [0, 1] or bool, of each pixel."""
        keys = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(keep)]
        return self._answers(keys, lambda rows: torch.from_numpy(keep[rows]))

    def _answers(self, keys: list[bytes], masks) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
        with self._lock:
            found = {key: self._remembered[key] for key in keys if key in self._remembered}
        missing = [row for row, key in enumerate(keys) if key not in found]
        for start in range(0, len(missing), BATCH):
            rows = missing[start : start + BATCH]
            for row, logits in zip(rows, self._evaluate(masks(rows)), strict=True):
                found[keys[row]] = logits
        with self._lock:
            self._remembered.update((keys[row], found[keys[row]]) for row in missing)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, self.classes), np.float32)

    def _evaluate(self, keep: Tensor) -> NDArray[np.float32]:
        keep = keep.to(self._device)[:, None]  # (n, 1, S, S)
        if keep.dtype == torch.bool:
            pictures = torch.where(keep, self._original, self._baseline)
        else:
            pictures = torch.lerp(self._baseline, self._original, keep.float())
        with torch.no_grad():
            logits = self._network(standardise(pictures).to(self._dtype)).float()
        if not torch.isfinite(logits).all():
            raise InputError(f"{self.name}'s outputs are not finite numbers: its checkpoint is broken, copy it again.")
        return logits.cpu().numpy()

    def _pixels(self, rgb: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(rgb).permute(2, 0, 1)[None].float().div(255).to(self._device)  # (1, 3, S, S)


def evaluator(classifier: Classifier, scene: Scene, baseline_name: str, precision: str) -> Evaluator:
    """The one evaluator of this model, picture, baseline and precision."""
    key = ("evaluator", classifier.identity, baseline_name, precision)
    return scene.shared(key, lambda: Evaluator(classifier, scene, baseline_name, precision))

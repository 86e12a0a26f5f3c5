"""Maps of a picture for every class and method, from one pass through the model."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.cam import class_maps
from core.explanation.explanation import Explanation
from core.explanation.gradients import class_gradients
from core.explanation.methods import method
from core.transform import resize


def explain(
    classifier: Classifier, view: NDArray[np.uint8], methods: Sequence[str], classes: Sequence[str] | None = None
) -> dict[str, Explanation]:
    """Explain one framed RGB picture `(h, w, 3) uint8` by each of `methods`, for `classes` (all by default)."""
    kinds = [method(name) for name in methods]
    chosen = _known_classes(classifier, classes)
    source = class_gradients(classifier.network, classifier.tensor([view]))
    order = [classifier.card.classes.index(name) for name in chosen]
    size = classifier.card.input_size
    shown = resize(view, size)
    answers = {}
    for kind in kinds:
        native = class_maps(kind.upstream, source)[order]
        values = np.stack([interpolate(values, size) for values in native])
        answers[kind.name] = Explanation(
            classifier.name, kind.name, chosen, values, native, shown, kind.signed, kind.explains
        )
    return answers


def interpolate(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bring a map `(h, w)` to `(size, size)` by linear interpolation, as upstream; values stay unscaled."""
    return np.asarray(cv2.resize(values, (size, size)), dtype=np.float32)


def _known_classes(classifier: Classifier, classes: Sequence[str] | None) -> tuple[str, ...]:
    known = classifier.card.classes
    for name in classes or ():
        if name not in known:
            raise InputError(f"{classifier.name} has no class {name!r}. It has: {', '.join(known)}.")
    return tuple(dict.fromkeys(classes)) if classes else known

"""Explanations as files: raw values, pictures, and what a manifest says of each."""

from __future__ import annotations

import hashlib
import io
import platform
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.explanation.explanation import Explanation
from core.explanation.methods import METHODS

LIBRARIES = (
    "torch",
    "torchvision",
    "grad-cam",
    "lime",
    "scikit-image",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
)
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}


def values_npz(explanation: Explanation, cell: NDArray[np.bool_] | None = None) -> bytes:
    """An .npz of everything that was computed, unscaled, in the order of its `classes`; same values, same bytes.

    Always `values` (K, S, S) and `native` (K, h, w) float32. Where the method has them: `error` (K, h, w), `gap` (K,),
    `regions` (S, S) int32 with `weights` and `weight_errors` (K, s). `cell` (224, 224) bool is the mask of the cell.
    """
    arrays: dict[str, Any] = {
        "values": explanation.values,
        "native": explanation.native,
        "classes": np.array(explanation.classes),
        "error": explanation.error,
        "gap": explanation.gap,
        "cell": cell,
    }
    if explanation.regions is not None:
        arrays["regions"] = explanation.regions.labels
        arrays["weights"] = explanation.regions.weights
        arrays["weight_errors"] = explanation.regions.errors
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


def picture_png(rgb: NDArray[np.uint8]) -> bytes:
    """An RGB picture as PNG, without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """A name for each that every file system takes, with those kept that are such already.

    Characters outside letters, digits and " _.+-" become "_", and what Windows reserves gets one in front. Names that
    were changed, or that differ from an earlier one by case alone, carry eight digits of their own hash.
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        safe = re.sub(r"[^\w .+-]", "_", name).strip(" .")[:80]
        safe = f"_{safe}" if not safe or safe.partition(".")[0].casefold() in _RESERVED else safe
        if safe != name or safe.casefold() in taken:
            safe = f"{safe}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}"
        taken.add(safe.casefold())
        chosen[name] = safe
    return chosen


def explanation_entry(explanation: Explanation, cut: str) -> dict[str, Any]:
    """What a manifest says of an explanation; `cut` is the layer of gradient CAMs that chose none."""
    kind = METHODS.get(explanation.method)
    settings = dict(explanation.settings)
    return {
        "method": explanation.method,
        "title": kind.title if kind else explanation.method,
        "paper": kind.paper if kind else "",
        "explains": explanation.explains,
        "signed": explanation.signed,
        "settings": settings,
        "layer": (settings["layer"] or cut) if "layer" in settings else None,
        "seed": explanation.seed,
        "precision": explanation.precision,
        "threads": explanation.threads,
        "evaluations": explanation.evaluations,
        "budget": explanation.budget,
        "complete": explanation.complete,
        "grid": list(explanation.native.shape[1:]),
        "maxima": explanation.maxima,
        "no_positive_evidence": [c for c in explanation.classes if not np.any(explanation.map_of(c) > 0)],
        "mean_standard_error": _by_class(explanation, explanation.error),
        "gap": _by_class(explanation, explanation.gap),
        "superpixels": None if explanation.regions is None else explanation.regions.weights.shape[1],
        "note": explanation.note,
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide the values."""
    return {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}


def finite(document: Any) -> Any:
    """A copy of a JSON document with None in the place of numbers that are not finite, and plain Python numbers."""
    if isinstance(document, Mapping):
        return {str(key): finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [finite(value) for value in document]
    if isinstance(document, np.ndarray | np.generic):
        return finite(document.tolist())
    if isinstance(document, float):
        return document if np.isfinite(document) else None
    return document


def _by_class(explanation: Explanation, numbers: NDArray[np.float32] | None) -> dict[str, float] | None:
    """The mean of each class's numbers `(K, …)`."""
    if numbers is None:
        return None
    means = numbers.reshape(len(numbers), -1).mean(axis=1)
    return {name: float(mean) for name, mean in zip(explanation.classes, means, strict=True)}

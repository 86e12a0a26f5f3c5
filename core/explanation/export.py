"""Explanations as files: raw values, pictures, and a manifest that says how they were made."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import core
from core.classifier import Classifier
from core.explanation.explanation import Explanation, has_evidence
from core.explanation.render import overlay
from core.preprocessing.framing import View

LIBRARIES = ("torch", "torchvision", "grad-cam", "numpy", "opencv-python-headless", "pillow")


def values_npz(explanation: Explanation) -> bytes:
    """An .npz with `values` (K, S, S) float32 unscaled, `native` (K, h, w) float32 and `classes`."""
    buffer = io.BytesIO()
    names = np.array(explanation.classes)
    np.savez_compressed(buffer, values=explanation.values, native=explanation.native, classes=names)
    return buffer.getvalue()


def picture_png(rgb: NDArray[np.uint8]) -> bytes:
    """An RGB picture as PNG, without any metadata."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def explanation_files(explanation: Explanation, opacity: float, colours: str) -> dict[str, bytes]:
    """`<model>/<method>.npz` and an overlay a class, `<model>/<method>-<class>.png`, each at its own scale."""
    stem = f"{explanation.model}/{explanation.method}"
    files = {f"{stem}.npz": values_npz(explanation)}
    for name in explanation.classes:
        files[f"{stem}-{name}.png"] = picture_png(overlay(explanation.view, explanation.map_of(name), opacity, colours))
    return files


def manifest(
    image: Mapping[str, Any],
    runs: Sequence[tuple[Classifier, View, Mapping[str, Explanation]]],
    files: Mapping[str, bytes],
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """What made the files: hashes of image, weights and files, framing, methods, parameters, versions."""
    return {
        "project": f"leukolens {core.__version__}",
        "image": dict(image),
        "parameters": dict(parameters),
        "seed": None,
        "seed_note": "These methods draw nothing at random.",
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "models": [_model_entry(*run) for run in runs],
        "versions": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }


def manifest_json(document: Mapping[str, Any]) -> bytes:
    """The manifest as JSON."""
    return json.dumps(document, indent=2, allow_nan=False).encode()


def _model_entry(classifier: Classifier, view: View, explanations: Mapping[str, Explanation]) -> dict[str, Any]:
    return {
        "model": classifier.name,
        "architecture": classifier.card.architecture,
        "weights_sha256": classifier.weights_sha256,
        "framing": view.framing,
        "framing_of_training": classifier.card.framing,
        "box": list(view.box),
        "cell_found": view.found,
        "preprocessing": view.parameters.model_dump(mode="json") if view.parameters else None,
        "layer": classifier.network.cut,
        "explanations": [
            {
                "method": name,
                "explains": item.explains,
                "signed": item.signed,
                "grid": list(item.native.shape[1:]),
                "maxima": item.maxima,
                "no_positive_evidence": [c for c in item.classes if not has_evidence(item.map_of(c))],
            }
            for name, item in explanations.items()
        ],
    }

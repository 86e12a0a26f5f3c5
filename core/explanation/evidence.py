"""The evidence bundle: all files that stand for a set of explanations (raw values, pictures, scores, manifest), the
same from the page and the command line."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import core
from core.explanation.baselines import BACKGROUNDS, background
from core.explanation.context import SIDE, CellMasks, ImageContext, cell_masks
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import SimilarityMatrix, class_correlations
from core.explanation.reference.verification import Verification
from core.explanation.render import picture, region_overlay
from core.explanation.superpixels import OWN, superpixels
from core.models.classifier import Classifier, Prediction
from core.models.devices import device_title
from core.preprocessing.framing import View

Picture = NDArray[np.uint8]
Painter = Callable[[Explanation, str], Picture]

LIBRARIES = (
    "torch",
    "torchvision",
    "grad-cam",
    "lime",
    "shap",
    "captum",
    "scikit-image",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
)

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
MANIFEST = "manifest.json"
SCORES = "scores.json"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # every file's time in a zip, so that the same evidence has the same bytes


def values_npz(explanation: Explanation, cell: NDArray[np.bool_] | None = None) -> bytes:
    """An .npz of everything that was computed, unscaled, in the order of its `classes`; same values, same bytes.

    Always `values` (K, S, S) and `native` (K, h, w) float32. Where the method has them: `unclipped` and `error`
    (K, h, w), `gap` (K,), `regions` (S, S) int32 with `weights` and `weight_errors` (K, s). `cell` (224, 224) bool is
    the mask of the cell.
    """
    arrays: dict[str, Any] = {
        "values": explanation.values,
        "native": explanation.native,
        "classes": np.array(explanation.classes),
        "unclipped": explanation.unclipped,
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
    settings = explanation.settings.model_dump()
    return {
        "method": explanation.method,
        "title": kind.title if kind else explanation.method,
        "paper": kind.paper if kind else "",
        "against": explanation.against or None,
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
        "class_correlation": class_correlations(explanation),
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


class Documented(Protocol):
    """A result about a model's maps that writes itself as a JSON document: a map's scores, a randomisation check."""

    @property
    def model(self) -> str:
        """The name of the model it is about."""

    def document(self) -> dict[str, Any]:
        """The result as a JSON-ready dict."""


@dataclass(frozen=True)
class Findings:
    """All that was found out about one model on one picture.

    `view` is how the image was framed for it, `context` the framed picture with what its explanations shared;
    `explanations` and `contrasts` hold maps by method.
    """

    classifier: Classifier
    view: View
    context: ImageContext
    explanations: Mapping[str, Explanation]
    prediction: Prediction | None = None
    scorings: Sequence[Documented] = ()
    randomisations: Sequence[Documented] = ()
    verifications: Sequence[Verification] = ()
    contrasts: Mapping[str, Explanation] = field(default_factory=dict)


def evidence_files(
    image: Mapping[str, Any],
    rgb: Picture,
    findings: Sequence[Findings],
    parameters: Mapping[str, Any],
    paint: Painter = picture,
    faults: Sequence[Mapping[str, str]] = (),
    agreements: Sequence[SimilarityMatrix] = (),
) -> dict[str, bytes]:
    """The files of a bundle by their path, the manifest last.

    `image.png` is the image `rgb` as pixels alone; `<model>/view.png` what the model saw; `<model>/<method>.npz` the
    raw values; `<model>/<method>-<class>.png` a map as `paint` shows it, and `…-borders.png` the superpixels that speak
    most for the class; `<model>/<method>-<class>-against-<other>.png` and `<model>/<method>-against-<other>.npz` the
    same of contrastive maps; `<model>/<method>-reference.npz` the reference library's values beside ours, where they
    were compared; `scores.json` what the maps are worth, where that was measured; `manifest.json` what made all this.
    `image` says what is known of the image, `parameters` what was asked for, `faults` what could not be done,
    `agreements` how alike maps are.
    """
    folders = safe_names(each.classifier.name for each in findings)
    files = {"image.png": picture_png(rgb)}
    for each in findings:
        files |= _files_of(each, folders[each.classifier.name], paint)
    alike = [each.document() for each in agreements]
    scores = [_scores(each) for each in findings if each.scorings or each.randomisations]
    if scores or alike:
        files[SCORES] = _json({"models": scores, "agreement": alike})
    document = {
        "project": f"leukolens {core.__version__}",
        "notice": "Not a medical device.",
        "image": dict(image),
        "parameters": dict(parameters),
        "threads": torch.get_num_threads(),
        "complete": not faults and all(item.complete for each in findings for item in each.explanations.values()),
        "faults": [dict(fault) for fault in faults],
        "models": [_model_entry(each, folders[each.classifier.name]) for each in findings],
        "agreement": alike,
        "verification": [one for each in findings for checked in each.verifications for one in checked.documents()],
        "versions": versions(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return files | {MANIFEST: _json(document)}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as one zip, in their order; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, LONG_AGO)
            entry.create_system = 3  # wherever it is made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _files_of(findings: Findings, folder: str, paint: Painter) -> dict[str, bytes]:
    cell = cell_masks(findings.context).cell
    files: dict[str, bytes] = {}
    every = [*findings.explanations.items(), *findings.contrasts.items()]
    for method, item in every:
        stem, names = f"{folder}/{method}", safe_names((*item.classes, item.against))
        end = f"-against-{names[item.against]}" if item.against else ""
        files.setdefault(f"{folder}/view.png", picture_png(item.view))
        files[f"{stem}{end}.npz"] = values_npz(item, cell)
        for index, label in enumerate(item.classes):
            files[f"{stem}-{names[label]}{end}.png"] = picture_png(paint(item, label))
            if item.against:
                continue
            if item.regions is not None:
                borders = region_overlay(item.view, item.regions, index)
                files[f"{stem}-{names[label]}-borders.png"] = picture_png(borders)
    for checked in findings.verifications:
        if checked.checks:
            files[f"{folder}/{checked.method}-reference.npz"] = checked.npz()
    return files


def _scores(findings: Findings) -> dict[str, Any]:
    return {
        "model": findings.classifier.name,
        "scores": [scoring.document() for scoring in findings.scorings],
        "randomisation": [check.document() for check in findings.randomisations],
    }


def _model_entry(findings: Findings, folder: str) -> dict[str, Any]:
    classifier, view = findings.classifier, findings.view
    return {
        "model": classifier.name,
        "folder": folder,
        "architecture": classifier.card.architecture,
        "weights_sha256": classifier.weights_sha256,
        "device": device_title(classifier.device),
        "temperature": classifier.card.temperature,
        "framing": view.framing,
        "framing_of_training": classifier.card.framing,
        "box": list(view.box),
        "cell_found": view.found,
        "preprocessing": view.parameters.model_dump(mode="json") if view.parameters else None,
        "scene_sha256": findings.context.digest,
        "cell_mask": _mask_entry(cell_masks(findings.context)),
        "regions": _regions_entry(findings.context),
        "layer": classifier.network.cut,
        "prediction": _prediction_entry(findings.prediction),
        "explanations": [
            explanation_entry(item, classifier.network.cut) | {"background": _background_entry(item, findings)}
            for item in findings.explanations.values()
        ],
        "contrasts": [explanation_entry(item, classifier.network.cut) for item in findings.contrasts.values()],
    } | _scores(findings)


def _background_entry(explanation: Explanation, findings: Findings) -> dict[str, Any] | None:
    """What the picture was compared with or hidden by, where the method does so: how many pictures, and their hash."""
    settings = explanation.settings.model_dump()
    name = settings.get("background", settings.get("baseline"))
    if name not in BACKGROUNDS:
        return None if name is None else {"name": name, "pictures": None, "sha256": None}
    shown = background(findings.context, str(name), findings.classifier.card.framing)
    return {"name": name, "pictures": shown.count, "sha256": shown.digest}


def _mask_entry(masks: CellMasks) -> dict[str, Any]:
    """Where the mask of the cell comes from, its hash (224x224 bytes, 0 or 1) and the share of the view it covers."""
    source = "none found" if not masks.found else "estimated" if masks.estimated else "given"
    digest = hashlib.sha256(masks.cell.astype(np.uint8).tobytes()).hexdigest()
    return {"source": source, "sha256": digest, "share": float(masks.cell.mean())}


def _regions_entry(context: ImageContext) -> dict[str, Any] | None:
    """The reader's own regions: how many the model sees, and their hash (224x224 numbers of 4 bytes, low one first)."""
    if context.given_regions is None:
        return None
    labels = superpixels(context, OWN, 0, SIDE)
    digest = hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest()
    return {"count": int(labels.max()) + 1, "sha256": digest}


def _prediction_entry(prediction: Prediction | None) -> dict[str, Any] | None:
    if prediction is None:
        return None
    return {
        "predicted": prediction.predicted,
        "classes": list(prediction.classes),
        "logits": prediction.logits,
        "probabilities": prediction.probabilities,
        "unfamiliar": prediction.unfamiliar,
    }


def _json(document: Any) -> bytes:
    return json.dumps(finite(document), indent=2, allow_nan=False).encode()

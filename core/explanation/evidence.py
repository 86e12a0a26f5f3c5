"""The evidence bundle: all files that stand for a set of explanations, the same from the page and the command line."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

import core
from core.classifier import Classifier
from core.explanation.backgrounds import BACKGROUNDS, background
from core.explanation.cell_mask import CellMasks, cell_masks
from core.explanation.explanation import Explanation
from core.explanation.export import explanation_entry, finite, picture_png, safe_names, values_npz, versions
from core.explanation.render import picture, region_overlay
from core.explanation.scene import Scene
from core.explanation.worth.agreement import Agreement
from core.prediction import Prediction
from core.preprocessing.framing import View

MANIFEST = "manifest.json"
SCORES = "scores.json"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # every file's time in a zip, so that the same evidence has the same bytes

Picture = NDArray[np.uint8]
Painter = Callable[[Explanation, str], Picture]


class Documented(Protocol):
    """A result about a model's maps that writes itself as a JSON document: a map's worth, a randomisation check."""

    @property
    def model(self) -> str:
        """The name of the model it is about."""

    def document(self) -> dict[str, Any]:
        """The result as a JSON-ready dict."""


@dataclass(frozen=True)
class Findings:
    """All that was found out about one model on one picture.

    `view` is how the image was framed for it, `scene` the framed picture with what its explanations shared.
    """

    classifier: Classifier
    view: View
    scene: Scene
    explanations: Mapping[str, Explanation]
    prediction: Prediction | None = None
    worths: Sequence[Documented] = ()
    randomisations: Sequence[Documented] = ()


def evidence(
    image: Mapping[str, Any],
    rgb: Picture,
    findings: Sequence[Findings],
    parameters: Mapping[str, Any],
    paint: Painter = picture,
    faults: Sequence[Mapping[str, str]] = (),
    agreements: Sequence[Agreement] = (),
) -> dict[str, bytes]:
    """The files of a bundle by their path, the manifest last.

    `image.png` is the image `rgb` as pixels alone; `<model>/view.png` what the model saw; `<model>/<method>.npz` the
    raw values; `<model>/<method>-<class>.png` a map as `paint` shows it, and `…-borders.png` the superpixels that speak
    most for the class; `scores.json` what the maps are worth, where that was measured; `manifest.json` what made all
    this. `image` says what is known of the image, `parameters` what was asked for, `faults` what could not be done,
    `agreements` how alike maps are.
    """
    folders = safe_names(each.classifier.name for each in findings)
    files = {"image.png": picture_png(rgb)}
    for each in findings:
        files |= _files_of(each, folders[each.classifier.name], paint)
    alike = [each.document() for each in agreements]
    scores = [_scores(each) for each in findings if each.worths or each.randomisations]
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
    cell = cell_masks(findings.scene).cell
    files: dict[str, bytes] = {}
    for method, item in findings.explanations.items():
        stem, names = f"{folder}/{method}", safe_names(item.classes)
        files.setdefault(f"{folder}/view.png", picture_png(item.view))
        files[f"{stem}.npz"] = values_npz(item, cell)
        for index, label in enumerate(item.classes):
            files[f"{stem}-{names[label]}.png"] = picture_png(paint(item, label))
            if item.regions is not None:
                borders = region_overlay(item.view, item.regions, index)
                files[f"{stem}-{names[label]}-borders.png"] = picture_png(borders)
    return files


def _scores(findings: Findings) -> dict[str, Any]:
    return {
        "model": findings.classifier.name,
        "scores": [worth.document() for worth in findings.worths],
        "randomisation": [check.document() for check in findings.randomisations],
    }


def _model_entry(findings: Findings, folder: str) -> dict[str, Any]:
    classifier, view = findings.classifier, findings.view
    return {
        "model": classifier.name,
        "folder": folder,
        "architecture": classifier.card.architecture,
        "weights_sha256": classifier.weights_sha256,
        "temperature": classifier.card.temperature,
        "framing": view.framing,
        "framing_of_training": classifier.card.framing,
        "box": list(view.box),
        "cell_found": view.found,
        "preprocessing": view.parameters.model_dump(mode="json") if view.parameters else None,
        "scene_sha256": findings.scene.digest,
        "cell_mask": _mask_entry(cell_masks(findings.scene)),
        "layer": classifier.network.cut,
        "prediction": _prediction_entry(findings.prediction),
        "explanations": [
            explanation_entry(item, classifier.network.cut) | {"background": _background_entry(item, findings)}
            for item in findings.explanations.values()
        ],
    } | _scores(findings)


def _background_entry(explanation: Explanation, findings: Findings) -> dict[str, Any] | None:
    """What the picture was compared with or hidden by, where the method does so: how many pictures, and their hash."""
    name = explanation.settings.get("background", explanation.settings.get("baseline"))
    if name not in BACKGROUNDS:
        return None if name is None else {"name": name, "pictures": None, "sha256": None}
    shown = background(findings.scene, str(name), findings.classifier.card.framing)
    return {"name": name, "pictures": shown.count, "sha256": shown.digest}


def _mask_entry(masks: CellMasks) -> dict[str, Any]:
    """Where the mask of the cell comes from, its hash (224x224 bytes, 0 or 1) and the share of the view it covers."""
    source = "none found" if not masks.found else "estimated" if masks.estimated else "given"
    digest = hashlib.sha256(masks.cell.astype(np.uint8).tobytes()).hexdigest()
    return {"source": source, "sha256": digest, "share": float(masks.cell.mean())}


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

"""Everything on the Explain page in one zip: pictures, raw values, and how they were made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict

from core.explanation.export import manifest, manifest_json, picture_png, values_npz
from core.preprocessing.parameters import CellParameters
from dashboard.explained import Row
from dashboard.maps import Look, picture_of
from dashboard.subject import Subject


def zip_of(rows: Sequence[Row], subject: Subject, parameters: CellParameters, look: Look) -> bytes:
    """Return a zip with every model's and method's values and pictures as they look now, and `manifest.json`.

    The image itself is in it as pixels alone, without the metadata of the file that it came from.
    """
    files = {"image.png": picture_png(subject.rgb)}
    for row in rows:
        for name, explanation in row.explanations.items():
            stem = f"{row.answer.slot.name}/{name}"
            files[f"{stem}.npz"] = values_npz(explanation)
            for label in explanation.classes:
                files[f"{stem}-{label}.png"] = picture_png(picture_of(explanation, label, look))
    files["manifest.json"] = manifest_json(_manifest(rows, subject, parameters, look, files))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def _manifest(
    rows: Sequence[Row], subject: Subject, parameters: CellParameters, look: Look, files: dict[str, bytes]
) -> dict[str, object]:
    height, width = subject.rgb.shape[:2]
    image = {
        "key": subject.key,
        "sha256": subject.sha256,
        "width": width,
        "height": height,
        "simulated": subject.simulated,
    }
    runs = [
        (row.answer.slot.classifier, row.answer.view, row.explanations)
        for row in rows
        if row.answer.slot.classifier is not None and row.answer.view is not None and row.explanations
    ]
    return manifest(image, runs, files, {"cell": parameters.model_dump(mode="json"), "look": asdict(look)})

"""Everything on the Explain page in one zip: pictures, raw values, scores, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.explanation.evidence import Documented, Findings, evidence_files, zipped
from core.explanation.quality.similarity import SimilarityMatrix
from core.explanation.reference.verification import Verification
from core.preprocessing.framing import framed_mask
from core.preprocessing.own_regions import OwnRegions, framed_regions
from core.preprocessing.parameters import CellParameters
from dashboard.explain.jobs import ModelRow
from dashboard.explain.rendering import Look, picture_of
from dashboard.images import Subject


def zip_of(
    rows: Sequence[ModelRow],
    subject: Subject,
    parameters: CellParameters,
    look: Look,
    scorings: Sequence[Documented] = (),
    randomisations: Sequence[Documented] = (),
    mask: NDArray[np.bool_] | None = None,
    agreements: Sequence[SimilarityMatrix] = (),
    verifications: Sequence[Verification] = (),
    regions: OwnRegions | None = None,
    contrasts: Mapping[str, Mapping[str, Explanation]] | None = None,
) -> bytes:
    """Return a zip with every model's and method's values and pictures as they look now, and `manifest.json`.

    `worths`, `randomisations` and `verifications` go to the rows of the models they name; `mask` `(H, W) bool` is the
    reader's own mask of the cell on the subject's image, and `regions` are their own parts of it; `agreements` say how
    alike maps are, `contrasts` are contrastive maps by model and method. The image itself is in the zip as pixels
    alone, without the metadata of the file that it came from.
    """
    height, width = subject.rgb.shape[:2]
    image = {
        "key": subject.key,
        "sha256": subject.sha256,
        "width": width,
        "height": height,
        "simulated": subject.simulated,
    }
    found = [_findings(row, subject, (scorings, randomisations), verifications, mask, regions) for row in rows]
    asked = {"cell": parameters.model_dump(mode="json"), "look": asdict(look)}
    if regions is not None:
        asked["regions"] = {"name": regions.name, "sha256": regions.sha256, "count": regions.count}
    others = contrasts or {}
    findings = [replace(each, contrasts=others.get(each.classifier.name, {})) for each in found if each is not None]
    paint = partial(picture_of, look=replace(look, borders=()))  # borders have files of their own
    return zipped(evidence_files(image, subject.rgb, findings, asked, paint, _faults(rows), agreements))


def _findings(
    row: ModelRow,
    subject: Subject,
    judged: tuple[Sequence[Documented], Sequence[Documented]],
    verifications: Sequence[Verification],
    mask: NDArray[np.bool_] | None,
    regions: OwnRegions | None,
) -> Findings | None:
    """What a row holds; None where its model has no answer or no map yet."""
    classifier, view = row.answer.entry.classifier, row.answer.view
    if classifier is None or view is None or not row.explanations:
        return None
    context = row.context
    if context is None:
        own = None if regions is None else framed_regions(regions, subject.rgb, view)
        context = ImageContext(view.rgb, None if mask is None else framed_mask(mask, subject.rgb, view), own)
    scorings, checks = ([each for each in results if each.model == classifier.name] for results in judged)
    verified = [each for each in verifications if each.model == classifier.name]
    return Findings(classifier, view, context, row.explanations, row.answer.prediction, scorings, checks, verified)


def _faults(rows: Sequence[ModelRow]) -> list[Mapping[str, str]]:
    """What could not be done: a model's answer, or one of its maps."""
    told: list[Mapping[str, str]] = []
    for row in rows:
        if row.fault:
            told.append({"model": row.name, "what": "answer", "message": row.fault})
            continue
        for method in dict.fromkeys((*row.faults, *row.jobs)):
            if message := row.fault_of(method):
                told.append({"model": row.name, "what": method, "message": message})
    return told

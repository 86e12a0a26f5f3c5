"""Everything on the Explain page to take away, as one zip or as one page: pictures, raw values, scores, and how they
were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.explanation.evidence import MANIFEST, Documented, Findings, evidence_files, zipped
from core.explanation.quality.similarity import SimilarityMatrix
from core.explanation.reference.verification import Verification
from core.explanation.static_page import PageLook, static_page
from core.preprocessing.framing import framed_mask
from core.preprocessing.own_regions import OwnRegions, framed_regions
from core.preprocessing.parameters import CellParameters
from dashboard.explain.jobs import ModelRow
from dashboard.explain.rendering import Look, picture_of
from dashboard.images import Subject


@dataclass(frozen=True)
class ShownEvidence:
    """Every model's and method's values and pictures as they look now, ready to be taken away.

    `scorings`, `randomisations` and `verifications` go to the rows of the models they name; `mask` `(H, W) bool` is the
    reader's own mask of the cell on the subject's image, and `regions` are their own parts of it; `agreements` say how
    alike maps are, `contrasts` are contrastive maps by model and method.
    """

    rows: Sequence[ModelRow]
    subject: Subject
    parameters: CellParameters
    look: Look
    scorings: Sequence[Documented] = ()
    randomisations: Sequence[Documented] = ()
    mask: NDArray[np.bool_] | None = None
    agreements: Sequence[SimilarityMatrix] = ()
    verifications: Sequence[Verification] = ()
    regions: OwnRegions | None = None
    contrasts: Mapping[str, Mapping[str, Explanation]] = field(default_factory=dict)

    def zip(self) -> bytes:
        """A zip of everything, with `manifest.json`.

        The image itself is in it as pixels alone, without the metadata of the file that it came from.
        """
        return zipped(self._files(self._findings()))

    def page(self) -> bytes:
        """One HTML file of everything but the raw values."""
        findings, look = self._findings(), self.look
        manifest = json.loads(self._files(findings)[MANIFEST])
        legends = PageLook(look.palette, look.diverging, look.shared, look.borders)
        paint = partial(picture_of, look=look)
        return static_page(manifest, self.subject.rgb, findings, paint, legends, self.subject.title).encode()

    def _files(self, findings: Sequence[Findings]) -> dict[str, bytes]:
        subject = self.subject
        height, width = subject.rgb.shape[:2]
        image = {
            "key": subject.key,
            "sha256": subject.sha256,
            "width": width,
            "height": height,
            "simulated": subject.simulated,
        }
        asked: dict[str, Any] = {"cell": self.parameters.model_dump(mode="json"), "look": asdict(self.look)}
        given = self.regions
        if given is not None:
            asked["regions"] = {"name": given.name, "sha256": given.sha256, "count": given.count}
        paint = partial(picture_of, look=replace(self.look, borders=()))  # borders have files of their own
        return evidence_files(image, subject.rgb, findings, asked, paint, _faults(self.rows), self.agreements)

    def _findings(self) -> list[Findings]:
        judged = self.scorings, self.randomisations
        found = [_findings(row, self.subject, judged, self.verifications, self.mask, self.regions) for row in self.rows]
        contrasts = self.contrasts
        return [replace(each, contrasts=contrasts.get(each.classifier.name, {})) for each in found if each is not None]


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

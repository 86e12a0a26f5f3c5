"""One image's evidence by `explain`: an order of models, methods and settings carried out, as files with a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cli.common import Stop, say
from core.cli.explain_work import ExplainOptions, ExplainPlan, Faults, agreements_of, work
from core.decoding import DecodedImage, read_image
from core.errors import InputError
from core.explanation.engine import Explanation
from core.explanation.evidence import MANIFEST, Findings, evidence_files
from core.explanation.reference.verification import Verification
from core.explanation.render import DIVERGING, PALETTES, picture
from core.explanation.static_page import PageLook, static_page
from core.files import write_whole
from core.models.classifier import Classifier
from core.preprocessing.own_regions import OwnRegions

PAGE = "page.html"


@dataclass(frozen=True)
class Drawing:
    """How the pictures are drawn; InputError where there is no such palette."""

    opacity: float
    palette: str
    diverging: str

    def __post_init__(self) -> None:
        for option, name, known in (("palette", self.palette, PALETTES), ("diverging", self.diverging, DIVERGING)):
            if name not in known:
                raise InputError(f"No --{option} {name!r}. Known: {', '.join(known)}.")

    def paint(self, explanation: Explanation, label: str) -> NDArray[np.uint8]:
        """One class's map at its own scale."""
        return picture(explanation, label, self.opacity, self.diverging if explanation.signed else self.palette)


@dataclass(frozen=True)
class ExplainOrder:
    """What is asked of every image: models, methods and settings, and how the pictures are drawn.

    `regions` are the reader's own, `mask_name` the name of the file of their mask, if any.
    """

    classifiers: Sequence[Classifier]
    asked: ExplainOptions
    drawing: Drawing
    regions: OwnRegions | None = None
    mask_name: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What a manifest says of the order."""
        told = asdict(self.asked) | asdict(self.drawing) | {"mask": self.mask_name}
        told["regions"] = _regions_entry(self.regions)
        told["settings"] = [asdict(one) | {"value": str(one.value)} for one in self.asked.settings]  # text, as typed
        del told["lenient"]
        return told


@dataclass(frozen=True)
class Explained:
    """What came of an order for one image: the evidence's `files`, the manifest last, and what could not be done."""

    files: Mapping[str, bytes]
    findings: Sequence[Findings]
    decoded: DecodedImage
    faults: Sequence[Mapping[str, str]]

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest as a document."""
        document: dict[str, Any] = json.loads(self.files[MANIFEST])
        return document

    @property
    def verifications(self) -> list[Verification]:
        """What reference libraries said of the maps."""
        return [checked for each in self.findings for checked in each.verifications]

    def page(self, drawing: Drawing) -> bytes:
        """The static page of it all."""
        look = PageLook(drawing.palette, drawing.diverging)
        decoded = self.decoded
        return static_page(self.manifest, decoded.rgb, self.findings, drawing.paint, look, decoded.name).encode()


def carried_out(order: ExplainOrder, decoded: DecodedImage, planned: Sequence[ExplainPlan], stop: Stop) -> Explained:
    """Do what `plans` made of an order for one image, until the end or a stop; InputError where nothing comes of it."""
    faults = Faults()
    findings = work(planned, order.asked, stop, faults)
    if not findings:
        raise InputError("Nothing was found out, so nothing was written.")
    alike = agreements_of(findings, order.asked) if order.asked.scores else []
    source, paint = source_entry(decoded), order.drawing.paint
    files = evidence_files(source, decoded.rgb, findings, order.parameters, paint, faults.entries, alike)
    return Explained(files, findings, decoded, faults.entries)


def told_image(path: Path) -> DecodedImage:
    """Read an image and say what was done to it."""
    decoded = read_image(path)
    for note in decoded.notes:
        say(f"{path}: {note}")
    return decoded


def _regions_entry(regions: OwnRegions | None) -> dict[str, Any] | None:
    return None if regions is None else {"name": regions.name, "sha256": regions.sha256, "count": regions.count}


def source_entry(decoded: DecodedImage) -> dict[str, Any]:
    """What a manifest says of the image."""
    height, width = decoded.rgb.shape[:2]
    return {
        "name": decoded.name,
        "sha256": decoded.sha256,
        "width": width,
        "height": height,
        "format": decoded.format,
        "bit_depth": decoded.bit_depth,
    }


def write_page(path: Path, page: bytes) -> None:
    """Write a page as a whole; InputError where the disk will not have it."""
    try:
        write_whole(path, page)
    except OSError as error:
        raise InputError(f"Cannot write to {path}: {error.strerror or error}. Choose another place.") from error

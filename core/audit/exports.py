"""What an audit leaves in its folder: the report as a page, a PDF and JSON, cards for other registries, and a zip of
them all with a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from core.audit.cards import other_cards
from core.audit.conditions import CONDITIONS
from core.audit.pdf import pdf_report
from core.audit.report import LARGEST, html_report
from core.audit.run import IMAGES, AuditReport
from core.errors import InputError
from core.explanation.evidence import zipped
from core.files import read_bounded, write_whole
from core.models.card import ModelCard

Cards = Mapping[str, ModelCard]


def write_report(report: AuditReport, out: Path, cards: Cards, with_images: bool = False) -> dict[str, Path]:
    """Write report.html, report.pdf, report.json, the cards' exports and evidence.zip into `out`; InputError where the
    disk will not have them.

    `cards` are the models' own by their names. `with_images` puts the table of all answers that lies there into the zip
    as well.
    """
    images = read_bounded(out / IMAGES, LARGEST) if with_images else None
    files = report_files(report, cards)
    files["evidence.zip"] = evidence_of(files if images is None else {**files, IMAGES: images})
    try:
        for name, data in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(out / name, data)
    except OSError as error:
        raise InputError(f"The report cannot be written to {out}: {error.strerror or error}.") from error
    return {name: out / name for name in files}


def report_files(report: AuditReport, cards: Cards) -> dict[str, bytes]:
    """The report as a page, as a PDF and as JSON, its frozen conditions and its models' cards, by file name."""
    return {
        "report.html": html_report(report).encode(),
        "report.pdf": pdf_report(report),
        "report.json": report_json(report),
        **({CONDITIONS: report.frozen.bytes()} if report.frozen else {}),
        **other_cards(report, cards),
    }


def report_json(report: AuditReport) -> bytes:
    """The report for programs, as `read_report` takes it."""
    return report.model_dump_json(indent=2).encode()


def cards_zip(report: AuditReport, cards: Cards) -> bytes:
    """The cards of all models as one zip."""
    return zipped(other_cards(report, cards))


def evidence_of(files: dict[str, bytes]) -> bytes:
    """A zip of the files with a manifest of their SHA-256."""
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return zipped({**files, "manifest.json": json.dumps(manifest, indent=2).encode()})

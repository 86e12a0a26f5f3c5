"""`export`: a model for another runtime, with a report on whether it still answers the same."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli.common import AsJson, Checkpoints, emit, reports_bad_input, say, writable, write_files
from core.conversion.formats import (
    FORMATS,
    INT8,
    WRITERS,
    ExportPlan,
    export_plan,
    onnx_bytes,
    quantised,
    reference_runner,
    runner,
    usable_threads,
)
from core.conversion.parity import (
    FIRST_CALIBRATION_SEED,
    Parity,
    ParityCells,
    measured_on,
    milliseconds,
    parity,
    real_cells,
    simulated_cells,
)
from core.errors import InputError
from core.models.checkpoints import find, load_classifier
from core.models.classifier import Classifier

Format = Literal["onnx", "litert", "torch-export"]
REPORT = "parity.json"
RUNTIMES = {"onnx": "onnxruntime", "litert": "ai-edge-litert", "torch-export": "torch"}


@reports_bad_input
def export(
    model: Annotated[str, typer.Option("--model", help="Model name or folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the file and its report.")],
    form: Annotated[Format, typer.Option("--format", help=f"{', '.join(FORMATS)}.")] = "onnx",
    with_maps: Annotated[
        bool, typer.Option("--with-maps", help="Also Grad-CAM of every class, and the distance of unfamiliar pictures.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also a file in 8-bit whole numbers, without maps, and its loss. ONNX alone.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="LEUKOLENS_DATA", help="Labelled images, to compare on real cells too."),
    ] = None,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Write a model for another runtime, and compare its answers with PyTorch's on 100 cells.

    Exit code 1, and no file, where they differ by more than rounding; the 8-bit file is kept whatever it loses.
    """
    if int8 and form != "onnx":
        raise InputError("--int8 is for --format onnx alone: leave one of them out.")
    classifier = load_classifier(find(model, checkpoints))
    plan = export_plan(classifier, with_maps)
    with writable(out):
        cells = [simulated_cells(classifier)]
        cells += [] if data is None else [real_cells(classifier, data)]
        exported = WRITERS[form](plan)
        document = _document(classifier, plan, form, cells, exported)
        files = {FORMATS[form]: exported} if document["holds"] else {}
        if int8 and document["holds"]:
            document["int8"], files[INT8] = _small(classifier, exported if not with_maps else None, cells)
        write_files(out, {**files, REPORT: json.dumps(document, indent=2).encode()})
    emit(document, _lines(document), as_json)
    if not document["holds"]:
        say(f"The exported file does not answer as {classifier.name} does, and was not kept. {REPORT} has the figures.")
        raise typer.Exit(1)


def _small(classifier: Classifier, exported: bytes | None, cells: list[ParityCells]) -> tuple[dict[str, Any], bytes]:
    """The report on the 8-bit file, and the file: of `exported`, or of an export made without maps.

    Maps and distances of 8-bit numbers are others than the model's, so that the file gives probabilities alone.
    """
    plan = export_plan(classifier, maps=False)
    calibration = simulated_cells(classifier, first_seed=FIRST_CALIBRATION_SEED).pictures
    small = quantised(exported or onnx_bytes(plan), calibration)
    return _measured(classifier, plan, "onnx", INT8, cells, small)[0], small


def _document(
    classifier: Classifier, plan: ExportPlan, form: str, cells: list[ParityCells], data: bytes
) -> dict[str, Any]:
    """The report on one file, ready for JSON."""
    figures, found = _measured(classifier, plan, form, FORMATS[form], cells, data)
    reference = milliseconds(reference_runner(plan), cells[0].pictures)
    try:
        versions = {RUNTIMES[form]: version(RUNTIMES[form])}
    except PackageNotFoundError:
        versions = {}
    return {
        "model": classifier.name,
        "weights_sha256": classifier.weights_sha256,
        "format": form,
        "outputs": list(plan.module.outputs),
        **figures,
        "pytorch_milliseconds": round(reference, 2),
        "holds": all(one.holds for one in found),
        "measured_on": measured_on(usable_threads(), versions),
    }


def _measured(
    classifier: Classifier, plan: ExportPlan, form: str, name: str, cells: list[ParityCells], data: bytes
) -> tuple[dict[str, Any], list[Parity]]:
    """Figures of one file, read again from a disk: size, time of one picture, and differences by source of cells."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        run = runner(form, path, plan, usable_threads())
        found = [parity(classifier, one, run) for one in cells]
        spent = milliseconds(run, cells[0].pictures)
    figures = {
        "file": name,
        "megabytes": round(len(data) / 1e6, 2),
        "milliseconds": round(spent, 2),
        "parity": [{**asdict(one), "holds": one.holds} for one in found],
    }
    return figures, found


def _lines(document: dict[str, Any]) -> list[str]:
    lines = _file_lines(document)
    lines.append(f"PyTorch in float32: {document['pytorch_milliseconds']} ms a picture")
    return lines + (_file_lines(document["int8"]) if "int8" in document else [])


def _file_lines(figures: dict[str, Any]) -> list[str]:
    lines = [f"{figures['file']}: {figures['megabytes']} MB, {figures['milliseconds']} ms a picture"]
    for one in figures["parity"]:
        line = (
            f"  {one['cells']} cells ({one['source']}): probabilities differ by at most {one['largest']:.2g}, "
            f"{one['changed']} answers changed"
        )
        if one["correlation"] is not None:
            line += f", maps correlate with Grad-CAM by at least {one['correlation'][0]:.4f}"
        lines.append(line)
    return lines

"""`count`: every white cell of whole photographs, found, named by the models, and counted by class."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from core.cli.common import (
    OFTEN,
    AsJson,
    Checkpoints,
    Stop,
    emit,
    reports_bad_input,
    say,
    stoppable,
    writable,
    write_bundle,
)
from core.cli.predict import Device, Models, load_all
from core.data.readers import csv_text
from core.decoding import find_images, read_image
from core.errors import InputError
from core.evaluation.intervals import wilson
from core.fields.cells import FieldCell
from core.fields.classify import classify_cells
from core.fields.detection import DetectionSettings, detect_cells
from core.models.classifier import Classifier, Prediction

Paths = Annotated[list[Path], typer.Argument(help="Photographs of a smear, or folders of them.")]
LeastScore = Annotated[
    float, typer.Option("--least-score", min=0.05, max=0.99, help="How sure a find must be a white cell.")
]
DEFAULTS = DetectionSettings()
CELLS, COUNTS, DOCUMENT = "cells.csv", "counts.csv", "count.json"


@dataclass(frozen=True)
class CountedField:
    """A photograph with its cells and, by model, what each is called."""

    path: Path
    width: int
    height: int
    cells: list[FieldCell]
    answers: dict[str, list[Prediction]]


@reports_bad_input
def count(
    paths: Paths,
    model: Models = None,
    least_score: LeastScore = DEFAULTS.least_score,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", help=f"Folder, or .zip, for {CELLS}, {COUNTS} and {DOCUMENT}.")
    ] = None,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Find every white cell of whole photographs, name each by each model, and count them by class.

    The shares' intervals are Wilson's, 95 %. A count by models is no diagnosis, and each cell can be looked at.
    """
    settings = DetectionSettings.of(least_score=least_score)
    classifiers = load_all(model, checkpoints, device)
    files = find_images(paths)
    with nullcontext() if out is None else writable(out), stoppable() as stop:
        counted, refused = _counted(files, classifiers, settings, stop)
        if not counted:
            raise InputError("None of the photographs could be read." if refused else "Nothing was counted.")
        document = document_of(counted, classifiers)
        if out is not None:
            write_bundle(out, bundle_of(counted, document))
    emit(document, lines_of(document), as_json)
    if refused or len(counted) < len(files):
        say(f"{len(files) - len(counted)} of {len(files)} photographs were not counted.")
        raise typer.Exit(2)


def _counted(
    files: Sequence[Path], classifiers: Sequence[Classifier], settings: DetectionSettings, stop: Stop
) -> tuple[list[CountedField], int]:
    """The photographs that could be counted until a stop was asked for, and how many could not be read."""
    counted, refused = [], 0
    for number, path in enumerate(files, start=1):
        if stop.asked:
            break
        try:
            field = read_image(path)
        except InputError as error:
            say(f"skipped {path}: {error}")
            refused += 1
            continue
        for note in field.notes:
            say(f"{path}: {note}")
        found = _count_one(path, field.rgb, classifiers, settings, f"photograph {number}/{len(files)}", stop)
        if not stop.asked:
            counted.append(found)
    return counted, refused


def _count_one(
    path: Path,
    rgb: NDArray[np.uint8],
    classifiers: Sequence[Classifier],
    settings: DetectionSettings,
    label: str,
    stop: Stop,
) -> CountedField:
    tell = _teller(label)
    cells = detect_cells(rgb, settings, progress=lambda share: tell(0.5 * share), cancelled=lambda: stop.asked)
    answers = classify_cells(
        rgb, cells, classifiers, progress=lambda share: tell(0.5 + 0.5 * share), cancelled=lambda: stop.asked
    )
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return CountedField(path, rgb.shape[1], rgb.shape[0], cells, answers)


def _teller(label: str) -> Callable[[float], None]:
    """Tells a share done on stderr, in place and not too often; silent where that is no terminal."""
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        now = time.monotonic()
        if sys.stderr.isatty() and now - told >= OFTEN:
            told = now
            sys.stderr.write(f"\r\033[K{label}: {share:.0%}")
            sys.stderr.flush()

    return tell


def document_of(counted: Sequence[CountedField], classifiers: Sequence[Classifier]) -> dict[str, Any]:
    """Everything that was found, as JSON: photographs with their cells, and the counts by model and class."""
    return {
        "cells": sum(len(field.cells) for field in counted),
        "photographs": [_photograph(field) for field in counted],
        "counts": [row for classifier in classifiers for row in _count_rows(classifier, counted)],
    }


def _photograph(field: CountedField) -> dict[str, Any]:
    cells = []
    for index, cell in enumerate(field.cells):
        named = {model: _answer(predictions[index]) for model, predictions in field.answers.items()}
        told = {"number": cell.number, "box": list(cell.box), "score": round(cell.score, 4), "touching": cell.touching}
        cells.append({**told, "named": named})
    return {"image": str(field.path), "width": field.width, "height": field.height, "cells": cells}


def _answer(prediction: Prediction) -> dict[str, Any]:
    return {
        "class": prediction.predicted,
        "probability": round(prediction.confidence, 4),
        "unfamiliar": prediction.unfamiliar,
    }


def _count_rows(classifier: Classifier, counted: Sequence[CountedField]) -> list[dict[str, Any]]:
    """A row a class, in the order of the model's classes: how many, and the share with its interval."""
    named = Counter(answer.predicted for field in counted for answer in field.answers[classifier.name])
    whole = sum(named.values())
    rows = []
    for label in classifier.card.classes:
        share = wilson(named[label], whole)
        rows.append(
            {
                "model": classifier.name,
                "class": label,
                "count": named[label],
                "of": whole,
                "share": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    return rows


def lines_of(document: dict[str, Any]) -> list[str]:
    """The counts for people: a line a photograph, then a table for each model."""
    lines = [f"{one['image']}: {_cells(len(one['cells']))}" for one in document["photographs"]]
    models = dict.fromkeys(row["model"] for row in document["counts"])
    for model in models if document["cells"] else ():
        lines += ["", f"{model}, {_cells(document['cells'])}:"]
        for row in document["counts"]:
            if row["model"] == model:
                share = f"{row['share']:6.1%} ({row['low']:.1%} to {row['high']:.1%})"
                lines.append(f"  {row['class']:16}{row['count']:6}  {share}")
    if document["cells"]:
        lines += ["", "In brackets: 95 % intervals (Wilson). Not a diagnosis."]
    return lines


def _cells(number: int) -> str:
    return "1 white cell" if number == 1 else f"{number or 'no'} white cells"


def bundle_of(counted: Sequence[CountedField], document: dict[str, Any]) -> dict[str, bytes]:
    """The files of `--out` by name: a row a cell, a row a class and model, and all of it as JSON."""
    rows = []
    for field in counted:
        for index, cell in enumerate(field.cells):
            row: dict[str, Any] = {"image": str(field.path), "number": cell.number}
            row |= dict(zip(("left", "top", "right", "bottom"), cell.box, strict=True))
            row |= {"score": round(cell.score, 4), "touching": cell.touching}
            for model, predictions in field.answers.items():
                answer = _answer(predictions[index])
                row |= {f"{model} {key}": value for key, value in answer.items()}
            rows.append(row)
    head = ("image", "number", "left", "top", "right", "bottom", "score", "touching")
    cells = pd.DataFrame(rows, columns=None if rows else list(head))
    return {
        CELLS: csv_text(cells).encode(),
        COUNTS: csv_text(pd.DataFrame(document["counts"])).encode(),
        DOCUMENT: (json.dumps(document, indent=2, allow_nan=False) + "\n").encode(),
    }

"""`add`: a model from elsewhere, checked, tried and put beside the others."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from core.cli.common import AsJson, Checkpoints, emit, reports_bad_input, say
from core.explanation.methods.registry import METHODS
from core.models.card import SCALINGS
from core.models.checkpoints import default_root
from core.preprocessing.framing import FRAMINGS
from core.runs.intake import Intake, NewCard, lacking, take_in

QUESTIONS = {
    "architecture": "Architecture (as torchvision:resnet18 or timm:resnet18)",
    "classes": "Classes, in the order of the outputs, divided by commas",
}


@reports_bad_input
def add_model(
    folder: Annotated[Path, typer.Argument(help="Folder with model.safetensors or model.onnx, and card.json if any.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the model here. Default: the folder's.")] = None,
    architecture: Annotated[
        str | None,
        typer.Option("--architecture", help="torchvision:NAME, timm:NAME or one of ours. ONNX files need none."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option("--classes", help="Names in the order of the outputs, divided by commas.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", min=32, max=1024, help="Side of the input, px. Default: the ONNX file's, 224."),
    ] = None,
    framing: Annotated[
        str | None, typer.Option("--framing", help="What it was trained on: cell, frame, islam. Default: cell.")
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option("--scaling", help=f"What pictures are scaled by: {', '.join(SCALINGS)}. Default: picture."),
    ] = None,
    outputs: Annotated[
        str | None, typer.Option("--outputs", help="Of an ONNX file: logits, probabilities. Default: tried out.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Name that people read. Default: the name.")] = None,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Check a model from elsewhere, try it, and put it beside the others.

    Options make the first card where the folder has none; in a terminal, what is missing is asked for.
    """
    listed = None if classes is None else _names(classes)
    new = NewCard(architecture, listed, size, framing, scaling, outputs, title)
    if sys.stdin.isatty() and not as_json:
        new = _asked_for(folder, new)
    found = take_in(folder, checkpoints or default_root(), name, new)
    for remark in found.remarks:
        say(remark)
    emit(found.document(), _lines(found), as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _asked_for(folder: Path, new: NewCard) -> NewCard:
    """Ask for what the first card lacks."""
    for field in lacking(folder, new):
        told = typer.prompt(QUESTIONS[field], err=True)
        listed = field == "classes"
        new = replace(new, classes=_names(told)) if listed else replace(new, architecture=told.strip())
    return new


def _lines(found: Intake) -> list[str]:
    card = found.classifier.card
    lines = [
        f"{found.classifier.name}: {card.architecture}, {card.input_size} px, {FRAMINGS[card.framing]}, "
        f"{len(card.classes)} classes: {', '.join(card.classes)}",
        *(f"simulated {drawn}: {told.predicted} {told.confidence:.1%}" for drawn, told in found.cells),
    ]
    fitting = [METHODS[name].title for name, why in found.methods.items() if not why]
    lines.append(f"Methods: {', '.join(fitting)}")
    lines += [f"Not offered: {why}" for why in found.methods.values() if why]
    return [*lines, f"Added to {found.folder}"]

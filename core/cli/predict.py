"""`predict`: what the models say about images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from core.cli.common import AsJson, Checkpoints, emit, progress, reports_bad_input, say
from core.decoding import find_images, read_image
from core.errors import InputError
from core.models.checkpoints import available, default_root, find, load_classifier
from core.models.classifier import Classifier, Prediction
from core.models.devices import DEVICES, SWITCH, chosen_device, device_title
from core.preprocessing.framing import FRAMINGS, View, frame_image

BATCH = 32
Paths = Annotated[list[Path], typer.Argument(help="Image files or folders of them.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Model name or folder; repeat for several. Default: all.")
]
Framing = Annotated[
    str | None, typer.Option("--framing", help=f"{', '.join(FRAMINGS)}. Default: what each model was trained on.")
]

Device = Annotated[
    str,
    typer.Option("--device", envvar=SWITCH, help=f"{', '.join(DEVICES)}. auto: a GPU where there is one."),
]


@reports_bad_input
def predict(
    paths: Paths,
    model: Models = None,
    framing: Framing = None,
    device: Device = "auto",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Name the cell in each image, by each model, with all class probabilities."""
    classifiers = load_all(model, checkpoints, device)
    if framing is not None and framing not in FRAMINGS:
        raise InputError(f"No framing {framing!r}. Known: {', '.join(FRAMINGS)}.")
    framings = {classifier.name: framing or classifier.card.framing for classifier in classifiers}
    files = find_images(paths)
    entries: list[dict[str, Any]] = []
    unreadable = 0
    for batch in progress([files[start : start + BATCH] for start in range(0, len(files), BATCH)], "batch"):
        views = _views(batch, set(framings.values()))
        unreadable += len(batch) - len(views)
        for classifier in classifiers:
            entries += _entries(classifier, views, framings[classifier.name])
    if not entries:
        raise InputError("None of the images could be read.")
    emit(entries, [_line(entry) for entry in entries], as_json)
    if unreadable:
        say(f"{unreadable} of {len(files)} images could not be read and were skipped.")
        raise typer.Exit(2)


def load_all(names: list[str] | None, root: Path | None, device: str = "auto") -> list[Classifier]:
    """Load the models named, or all that are fit to be used, onto `device`; InputError when there is none, or two of
    one name.
    """
    place = chosen_device(device)
    loaded = [load_classifier(find(name, root), place) for name in names] if names else _usable(root, place)
    if not loaded:
        raise InputError(f"There are no models in {root or default_root()}. Name a folder with --checkpoints.")
    twice = [name for name, count in Counter(classifier.name for classifier in loaded).items() if count > 1]
    if twice:
        raise InputError(f"Two models are named {twice[0]}: rename one's folder, or ask them one after the other.")
    return loaded


def _usable(root: Path | None, device: torch.device) -> list[Classifier]:
    loaded = []
    for name in available(root):
        try:
            loaded.append(load_classifier(find(name, root), device))
        except InputError as error:
            say(f"skipped: {error}")
    return loaded


def _line(entry: dict[str, Any]) -> str:
    """An answer for people, with what makes it worth little."""
    doubts = [] if entry["cell_found"] else ["no cell was found, the whole frame was asked"]
    doubts += ["unfamiliar: unlike the cells that the model was trained on"] if entry["unfamiliar"] else []
    answer = f"{entry['image']}: {entry['model']}: {entry['predicted']} {max(entry['probabilities']):.1%}"
    return f"{answer} ({'; '.join(doubts)})" if doubts else answer


def _views(batch: list[Path], framings: set[str]) -> dict[Path, dict[str, View]]:
    """Read each image and frame it in every way that is asked for; what cannot be read is told and left out."""
    views: dict[Path, dict[str, View]] = {}
    for path in batch:
        try:
            decoded = read_image(path)
        except InputError as error:
            say(f"skipped {path}: {error}")
            continue
        for note in decoded.notes:
            say(f"{path}: {note}")
        views[path] = {framing: frame_image(decoded.rgb, framing) for framing in framings}
    return views


def _entries(classifier: Classifier, images: dict[Path, dict[str, View]], framing: str) -> list[dict[str, Any]]:
    views = [views[framing] for views in images.values()]
    predictions = classifier.predict([view.rgb for view in views])
    return [
        {**_entry(*row), "device": device_title(classifier.device)}
        for row in zip(images, views, predictions, strict=True)
    ]


def _entry(path: Path, view: View, prediction: Prediction) -> dict[str, Any]:
    return {
        "image": str(path),
        "model": prediction.model,
        "classes": list(prediction.classes),
        "probabilities": [round(float(value), 6) for value in prediction.probabilities],
        "predicted": prediction.predicted,
        "seconds": round(prediction.seconds, 5),
        "framing": view.framing,
        "cell_found": view.found,
        "unfamiliar": prediction.unfamiliar,
    }

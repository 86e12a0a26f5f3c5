"""`fit`: a model fitted to one laboratory by a few labelled cells, with what that brings measured before it is kept."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from core.adaptation.adapt import (
    UNLABELLED,
    Adaptation,
    FitScore,
    adapt,
    check_labels,
    drawn_labels,
    held_out_scores,
)
from core.adaptation.folder import adapted_name, save_adapted
from core.classes import known_as
from core.cli.common import AsJson, Checkpoints, emit, reports_bad_input, say, writable
from core.cli.data import Data
from core.cli.predict import Device
from core.data.datasets import KINDS, Dataset, default_kind, read_data
from core.data.loading import read_boxed
from core.decoding import find_images
from core.errors import InputError
from core.models.card import CardScore
from core.models.checkpoints import default_root, find, free_folder, load_classifier
from core.models.classifier import Classifier
from core.models.devices import chosen_device, device_title
from core.preprocessing.framing import frame_image

MOST_LISTED = 5


@reports_bad_input
def fit(
    data: Data = None,
    model: Annotated[str, typer.Option("--model", help="Name or folder of the model to fit.")] = "",
    dataset: Annotated[
        str | None, typer.Option("--dataset", help=f"{', '.join(KINDS)}. Default: pbc, else auto.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="The labelled images. Default: all of them.")] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option("--unlabelled", help="Further images or folders, without labels; repeat for several."),
    ] = None,
    per_class: Annotated[
        int | None,
        typer.Option("--per-class", min=5, max=500, help="Use so many labels a class, and test on all other cells."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the folds, and of the draw of --per-class.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Model folder to write. Default: a new one beside the models.")
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Write the model also where no gain is shown.")] = False,
    device: Device = "auto",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Fit a model to your laboratory: last layer and batch statistics, by 5 to 50 labelled cells a class.

    Before and after are measured by cross-validation on the labels. Where that shows no gain the old model stays.
    """
    if data is None:
        raise InputError("Where are the labelled images? Name their folder with --data or LEUKOLENS_DATA.")
    if not model:
        raise InputError("Which model? Name one with --model; `python -m core models` lists them.")
    classifier = load_classifier(find(model, checkpoints), chosen_device(device))
    labelled = read_data(data, dataset or default_kind(data))
    table = labelled.table if split is None else labelled.split(split)
    names, place = _known_labels(table, classifier), _place(labelled)
    labels = np.array([classifier.card.classes.index(name) for name in names], dtype=np.int64)
    drawn = labels if per_class is None else drawn_labels(labels, per_class, seed)
    check_labels(drawn, classifier.card.classes)
    folder = out or free_folder(checkpoints or default_root(), adapted_name(classifier.card.name, place))
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is there already. Name another folder with --out.")
    with writable(folder):
        cells = _cells(table, names, drawn, unlabelled or [], classifier.card.framing)
        check_labels(cells.labels, classifier.card.classes)
        found = adapt(classifier, cells.views, cells.labels, seed, _progress)
        kept = found.helps or anyway
        if kept:
            save_adapted(folder, classifier, found, place, seed)
    held_out = None if per_class is None else _held_out(classifier, found, cells)
    document = _document(classifier, found, cells, held_out, folder if kept else None)
    emit(document, _lines(classifier, found, cells, held_out, folder if kept else None), as_json)


def _place(data: Dataset) -> str:
    return data.name if data.name not in ("folder", "csv") else data.title.removeprefix("folder ").removesuffix(".csv")


def _known_labels(table: pd.DataFrame, classifier: Classifier) -> list[str]:
    """Each label by the model's own name of it; InputError where it knows none such."""
    classes = classifier.card.classes
    names = [known_as(label, classes) or label for label in table["label"]]
    foreign = sorted(set(names) - set(classes))
    if foreign:
        raise InputError(
            f"{classifier.name} knows no {', '.join(foreign)}: it knows {', '.join(classes)}. Take these images away, "
            "or train a model on them (`python -m core train`)."
        )
    return names


@dataclass
class _Cells:
    """Framed pictures with their labels `(N,)` as the fit sees them, and `truth` as the data say it, "" for none."""

    views: list[NDArray[np.uint8]] = field(default_factory=list)
    truth: list[str] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.array(self.given, dtype=np.int64)

    def add(self, path: Path, box: str, framing: str, truth: str, label: int) -> None:
        """Read and frame one picture; one that cannot be read or shows no cell is skipped, with the reason."""
        try:
            view = frame_image(read_boxed(path, box), framing)
        except InputError as error:
            self.skipped.append(f"{path}: {error}")
            return
        if framing == "cell" and not view.found:
            self.skipped.append(f"{path}: no cell was found in it")
            return
        self.views.append(view.rgb)
        self.truth.append(truth)
        self.given.append(label)


def _cells(
    table: pd.DataFrame, names: list[str], drawn: NDArray[np.int64], unlabelled: list[Path], framing: str
) -> _Cells:
    cells = _Cells()
    for path, box, name, label in zip(table["path"], table["box"], names, drawn, strict=True):
        cells.add(Path(path), box, framing, name, int(label))
    for path in find_images(unlabelled) if unlabelled else []:
        cells.add(path, "", framing, "", UNLABELLED)
    for line in cells.skipped[:MOST_LISTED]:
        say(f"skipped {line}")
    if len(cells.skipped) > MOST_LISTED:
        say(f"… and {len(cells.skipped) - MOST_LISTED:,} more were skipped.")
    if not cells.views:
        raise InputError("No cell was found in any of the pictures: there is nothing to fit to.")
    return cells


def _progress(words: str, share: float) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{words:32}{share:5.0%}", err=True, nl=share >= 1)


def _held_out(classifier: Classifier, found: Adaptation, cells: _Cells) -> dict[str, CardScore] | None:
    """Figures on the labelled cells whose labels the fit did not see; None without any."""
    rest = [place for place, label in enumerate(cells.given) if label == UNLABELLED and cells.truth[place]]
    if not rest:
        return None
    labels = np.array([classifier.card.classes.index(cells.truth[place]) for place in rest], dtype=np.int64)
    return held_out_scores(classifier, found, [cells.views[place] for place in rest], labels)


def _document(
    classifier: Classifier,
    found: Adaptation,
    cells: _Cells,
    held_out: dict[str, CardScore] | None,
    folder: Path | None,
) -> dict[str, Any]:
    return {
        "model": classifier.name,
        "device": device_title(classifier.device),
        "labelled": found.labelled,
        "unlabelled": found.unlabelled,
        "skipped": cells.skipped,
        "batch_statistics": found.choice.statistics,
        "penalty": found.choice.penalty,
        "folds": found.folds,
        "before": found.before.model_dump(mode="json"),
        "after": found.after.model_dump(mode="json"),
        "gain": found.gain.model_dump(mode="json"),
        "helps": found.helps,
        "held_out": None if held_out is None else {key: one.model_dump(mode="json") for key, one in held_out.items()},
        "notes": list(found.notes),
        "folder": None if folder is None else str(folder),
    }


def _lines(
    classifier: Classifier,
    found: Adaptation,
    cells: _Cells,
    held_out: dict[str, CardScore] | None,
    folder: Path | None,
) -> list[str]:
    labels = ", ".join(f"{name} {count}" for name, count in found.labelled.items() if count)
    lines = [f"{classifier.name}, {sum(found.labelled.values())} labels ({labels}), {found.unlabelled} cells without."]
    lines += [_told("before", found.before), _told("after", found.after)]
    lines.append(f"  gain in mean recall: {found.gain.in_words}, by {found.folds}-fold cross-validation")
    lines += [f"  {note}" for note in found.notes]
    if held_out is not None:
        before, after = held_out["before"], held_out["after"]
        lines.append(
            f"  on {before.images} cells whose labels were not used: accuracy {before.accuracy:.1%} -> "
            f"{after.accuracy:.1%}, mean recall {_percent(before.mean_recall)} -> {_percent(after.mean_recall)}"
        )
    lines.append(found.verdict)
    lines.append(f"Written: {folder}" if folder is not None else f"{classifier.name} is kept as it is.")
    return lines


def _percent(share: float | None) -> str:
    return "not said (too few cells a class)" if share is None else f"{share:.1%}"


def _told(word: str, score: FitScore) -> str:
    recall = ", ".join(f"{name} {one.value:.0%}" for name, one in score.recall.items() if one.value is not None)
    return f"  {word + ':':8}accuracy {score.accuracy.value:.1%}, mean recall {score.mean_recall:.1%} ({recall})"

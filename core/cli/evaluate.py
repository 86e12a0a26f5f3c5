"""`evaluate`: figures of trained models on labelled images."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from core.classifier import Classifier
from core.cli.data import Data
from core.cli.evaluate_words import lines_of
from core.cli.files import writable, write_files
from core.cli.models import AsJson, Checkpoints
from core.cli.output import emit, reports_bad_input, say
from core.cli.predict import Framing, Models, load_all
from core.data.datasets import KINDS, Dataset, found_sets, read_data
from core.errors import InputError
from core.evaluation.answers import Asked, ask_all, score_of
from core.evaluation.figures import figures_of
from core.evaluation.leaks import photographs_of, shared_with
from core.evaluation.stored import answers_of, foreign_note
from core.preprocessing.framing import FRAMINGS

PARTS = ("test", "report", "all")  # the split that is measured where none is named: the first of these that there is
Cache = Annotated[Path, typer.Option("--cache", help="Where fingerprints of the images are kept.")]


@reports_bad_input
def evaluate(
    data: Data = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help=f"{', '.join(KINDS)}. Default: pbc, else auto.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Default: the first of test, report, all.")] = None,
    model: Models = None,
    framing: Framing = None,
    without_leaks: Annotated[
        bool,
        typer.Option("--without-leaks", help="Also without images whose photograph stands in another split too."),
    ] = False,
    exclude_duplicates_of: Annotated[
        str, typer.Option("--exclude-duplicates-of", help="As --without-leaks, for these splits alone: train,val")
    ] = "",
    groups: Annotated[
        Path | None, typer.Option("--groups", help="groups.csv of `python -m core leaks`. Default: found now.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for every image's answer, as parquet.")] = None,
    cache: Cache = Path(".cache"),
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy, precision, sensitivity, F1, specificity, ROC and calibration, by the path that a user's image takes.

    Classes that a model does not know and images that cannot be read are counted out, and said.
    """
    if data is None:
        raise InputError("Where are the images? Name their folder with --data or LEUKOLENS_DATA.")
    if framing is not None and framing not in FRAMINGS:
        raise InputError(f"No framing {framing!r}. Known: {', '.join(FRAMINGS)}.")
    labelled = read_data(data, dataset or ("pbc" if "pbc" in found_sets(data) else "auto"))
    part = _part(labelled, split)
    classifiers = load_all(model, checkpoints)
    others = tuple(name.strip() for name in exclude_duplicates_of.split(",") if name.strip())
    leaks = None
    with nullcontext() if out is None else writable(out):
        if without_leaks or others or groups is not None:
            leaks = Leaks(_shared(labelled, part.name, others, groups, cache), others)
        document = [_measured(classifier, part, framing, leaks, out) for classifier in classifiers]
        if out is not None:
            write_files(out, {"figures.json": json.dumps(document, indent=2).encode()})
    emit(document, [line for entry in document for line in lines_of(entry)], as_json)


@dataclass(frozen=True)
class Part:
    """The split that is measured: its name, its rows, and how the figures call it."""

    name: str
    table: pd.DataFrame
    title: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Leaks:
    """Which rows of the split share a photograph with `others` (all other splits where empty)."""

    shared: NDArray[np.bool_]
    others: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is left, as the figures call it."""
        return f"without photographs that {' and '.join(self.others) if self.others else 'other splits'} hold too"


def _part(data: Dataset, split: str | None) -> Part:
    there = set(data.table["split"])
    name = split or next((name for name in PARTS if name in there), min(there))
    return Part(name, data.split(name).reset_index(drop=True), f"{data.title}: {name}", data.notes)


def _shared(data: Dataset, part: str, others: tuple[str, ...], groups: Path | None, cache: Path) -> NDArray[np.bool_]:
    splits = list(data.table["split"])
    shared_with(splits, np.arange(len(splits)), part, others)  # names are checked before the long search
    return shared_with(splits, photographs_of(data.table, groups, cache, say), part, others)


def _measured(
    classifier: Classifier, part: Part, framing: str | None, leaks: Leaks | None, out: Path | None
) -> dict[str, Any]:
    """One model's entry: the card's figures at the top, all others under `figures`."""
    classes, table = classifier.card.classes, part.table.assign(row=range(len(part.table)))
    known = table["label"].isin(classes)
    notes = [*part.notes] if known.all() else [*part.notes, foreign_note(table["label"][~known])]
    if not known.any():
        held = ", ".join(sorted(set(table["label"]))[:8])
        raise InputError(
            f"{classifier.name} knows none of the classes of {part.title}: it knows {', '.join(classes)}, "
            f"the data hold {held}."
        )
    say(f"{classifier.name} on {int(known.sum())} images")
    asked = ask_all(classifier, table[known], framing, say)
    if out is not None:
        kept = asked.table.drop(columns="row").to_parquet(index=False)
        write_files(out, {f"{classifier.name}.parquet": kept})
    if asked.unreadable:
        notes.append(f"{len(asked.unreadable):,} images could not be read and were left out.")
    return {
        "model": classifier.name,
        "unfamiliar": _unfamiliar(classifier, asked.table),
        **_scored(classifier, asked.table, part.title),
        "notes": notes,
        "unreadable": [{"image": path, "reason": reason} for path, reason in asked.unreadable],
        "without_leaks": None if leaks is None else _without_leaks(classifier, asked, part, leaks),
    }


def _scored(classifier: Classifier, table: pd.DataFrame, title: str) -> dict[str, Any]:
    card = classifier.card
    figures = figures_of(answers_of(table, card.classes), title, card.temperature)
    return {
        **score_of(table, card.classes, title).model_dump(mode="json"),
        "figures": figures.model_dump(mode="json"),
    }


def _without_leaks(classifier: Classifier, asked: Asked, part: Part, leaks: Leaks) -> dict[str, Any]:
    shared = leaks.shared[asked.table["row"].to_numpy()]
    left_out = {"left_out": int(shared.sum())}
    if shared.all():
        return {**left_out, "figures": None}
    return {**left_out, **_scored(classifier, asked.table[~shared], f"{part.title}, {leaks.title}")}


def _unfamiliar(classifier: Classifier, answers: pd.DataFrame) -> float | None:
    """The share of images called unfamiliar, where the model can tell."""
    novelty, distances = classifier.card.novelty, answers["novelty"].dropna()
    return None if novelty is None or distances.empty else float((distances > novelty.threshold).mean())

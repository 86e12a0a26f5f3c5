"""`evaluate`: figures of trained models on labelled images, as lines to read or as JSON."""

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

from core.classes import known_as
from core.cli.common import AsJson, Checkpoints, emit, reports_bad_input, say, writable, write_files
from core.cli.data import Data
from core.cli.predict import Device, Framing, Models, load_all
from core.data.datasets import KINDS, Dataset, default_kind, read_data
from core.errors import InputError
from core.evaluation.metrics import figures_of
from core.evaluation.predict_set import SetPredictions, ask_all, score_of
from core.evaluation.predictions import answers_of, foreign_note
from core.leaks.grouping import photographs_of, shared_with
from core.models.classifier import Classifier
from core.models.devices import device_title
from core.preprocessing.framing import FRAMINGS

Cache = Annotated[Path, typer.Option("--cache", help="Where fingerprints of the images are kept.")]

INTERVAL_KINDS = ("precision", "sensitivity", "f1", "specificity")
MOST_LISTED = 10
COLUMN = 27  # letters: those of 100.00% (100.0% to 100.0%), and a gap


def figure_lines(entry: dict[str, Any]) -> list[str]:
    """One model's figures: a line over all, a line a class, what was left out."""
    lines = [_headline(entry["model"], entry), *_table(entry["figures"])]
    leaks = entry["without_leaks"]
    if leaks is not None and leaks["figures"] is None:
        lines.append(f"  All {leaks['left_out']:,} images share a photograph with another split: nothing is left.")
    elif leaks is not None:
        lines.append(f"  {leaks['left_out']:,} images share a photograph with another split. Without them:")
        lines.append(f"  {_headline(entry['model'], leaks)}")
    lines += [f"  {note}" for note in (*entry["notes"], *entry["figures"]["notes"])]
    unreadable = entry["unreadable"]
    lines += [f"  not read: {one['image']}: {one['reason']}" for one in unreadable[:MOST_LISTED]]
    if len(unreadable) > MOST_LISTED:
        lines.append(f"  … and {len(unreadable) - MOST_LISTED:,} more; --json lists all.")
    return lines


def _headline(model: str, entry: dict[str, Any]) -> str:
    figures = entry["figures"]
    recall = "not said (too few images a class)" if entry["mean_recall"] is None else f"{entry['mean_recall']:.2%}"
    accuracy = figures["accuracy"]
    return (
        f"{model}: accuracy {entry['accuracy']:.2%} ({accuracy['low']:.2%} to {accuracy['high']:.2%}), "
        f"mean recall {recall}, mean F1 {_plain(figures['macro']['f1'])}, mean AUC {_auc(figures['macro_auc'])}, "
        f"ECE {figures['calibration']['ece']:.3f}, {entry['images']} images of {entry['data']}"
    )


def _table(figures: dict[str, Any]) -> list[str]:
    names = max(len(row["name"]) for row in figures["per_class"])
    head = (
        f"  {'':{names}}{'images':>8}" + "".join(f"{kind:>{COLUMN}}" for kind in INTERVAL_KINDS) + f"{'AUC':>{COLUMN}}"
    )
    rows = [
        f"  {row['name']:{names}}{row['images']:>8,}"
        + "".join(f"{_interval(row[kind]):>{COLUMN}}" for kind in INTERVAL_KINDS)
        + f"{_auc(curve['auc'], True):>{COLUMN}}"
        for row, curve in zip(figures["per_class"], figures["roc"], strict=True)
    ]
    return [head, *rows, "  In brackets: 95 % confidence intervals."]


def _interval(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "-"
    return f"{estimate['value']:.2%} ({estimate['low']:.1%} to {estimate['high']:.1%})"


def _plain(estimate: dict[str, Any]) -> str:
    return "not said" if estimate["value"] is None else f"{estimate['value']:.2%}"


def _auc(estimate: dict[str, Any], interval: bool = False) -> str:
    if estimate["value"] is None:
        return "-" if interval else "not said"
    text = f"{estimate['value']:.4f}"
    return f"{text} ({estimate['low']:.4f}-{estimate['high']:.4f})" if interval else text


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
    device: Device = "auto",
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
    labelled = read_data(data, dataset or default_kind(data))
    part = _part(labelled, split)
    classifiers = load_all(model, checkpoints, device)
    others = tuple(name.strip() for name in exclude_duplicates_of.split(",") if name.strip())
    leaks = None
    with nullcontext() if out is None else writable(out):
        if without_leaks or others or groups is not None:
            leaks = SharedRows(_shared(labelled, part.name, others, groups, cache), others)
        document = [_measured(classifier, part, framing, leaks, out) for classifier in classifiers]
        if out is not None:
            write_files(out, {"figures.json": json.dumps(document, indent=2).encode()})
    emit(document, [line for entry in document for line in figure_lines(entry)], as_json)


@dataclass(frozen=True)
class EvaluatedSplit:
    """The split that is measured: its name, its rows, and how the figures call it."""

    name: str
    table: pd.DataFrame
    title: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SharedRows:
    """Which rows of the split share a photograph with `others` (all other splits where empty)."""

    shared: NDArray[np.bool_]
    others: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is left, as the figures call it."""
        return f"without photographs that {' and '.join(self.others) if self.others else 'other splits'} hold too"


def _part(data: Dataset, split: str | None) -> EvaluatedSplit:
    name = split or data.first_split()
    return EvaluatedSplit(name, data.split(name).reset_index(drop=True), f"{data.title}: {name}", data.notes)


def _shared(data: Dataset, part: str, others: tuple[str, ...], groups: Path | None, cache: Path) -> NDArray[np.bool_]:
    splits = list(data.table["split"])
    shared_with(splits, np.arange(len(splits)), part, others)  # names are checked before the long search
    return shared_with(splits, photographs_of(data.table, groups, cache, say), part, others)


def _measured(
    classifier: Classifier, part: EvaluatedSplit, framing: str | None, leaks: SharedRows | None, out: Path | None
) -> dict[str, Any]:
    """One model's entry: the card's figures at the top, all others under `figures`."""
    classes, table = classifier.card.classes, part.table.assign(row=range(len(part.table)))
    table["label"] = [known_as(label, classes) or label for label in table["label"]]
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
        "device": device_title(classifier.device),
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


def _without_leaks(
    classifier: Classifier, asked: SetPredictions, part: EvaluatedSplit, leaks: SharedRows
) -> dict[str, Any]:
    shared = leaks.shared[asked.table["row"].to_numpy()]
    left_out = {"left_out": int(shared.sum())}
    if shared.all():
        return {**left_out, "figures": None}
    return {**left_out, **_scored(classifier, asked.table[~shared], f"{part.title}, {leaks.title}")}


def _unfamiliar(classifier: Classifier, answers: pd.DataFrame) -> float | None:
    """The share of images called unfamiliar, where the model can tell."""
    novelty, distances = classifier.card.novelty, answers["novelty"].dropna()
    return None if novelty is None or distances.empty else float((distances > novelty.threshold).mean())

"""`evaluate`: figures of trained models on labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from core.classes import CLASSES
from core.classifier import Classifier
from core.cli.files import write_files
from core.cli.models import AsJson, Checkpoints
from core.cli.output import emit, reports_bad_input, say
from core.cli.predict import Framing, Models, load_all
from core.cli.train import Data, DatasetName
from core.data.datasets import read_dataset
from core.errors import InputError
from core.evaluation import answer_table, score_of


@reports_bad_input
def evaluate(
    data: Data = None,
    dataset: DatasetName = "pbc",
    split: Annotated[str | None, typer.Option("--split", help="Default: test (pbc), report (lisc, jtsc), all.")] = None,
    model: Models = None,
    framing: Framing = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for every image's answer, as parquet.")] = None,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy and recall per class on a labelled set, by the path that a user's image takes."""
    if data is None:
        raise InputError("Where are the images? Name their folder with --data or LEUKOLENS_DATA.")
    labelled = read_dataset(dataset, data)
    part = split or {"pbc": "test", "folder": "all"}.get(dataset, "report")
    table = labelled.split(part)
    document: list[dict[str, Any]] = []
    for classifier in load_all(model, checkpoints):
        say(f"{classifier.name} on {len(table)} images")
        if classifier.card.classes != CLASSES:
            raise InputError(f"{classifier.name} knows other classes: {', '.join(classifier.card.classes)}.")
        answers = answer_table(classifier, table, framing)
        if out is not None:
            write_files(out, {f"{classifier.name}.parquet": answers.to_parquet(index=False)})
        figures = score_of(answers, CLASSES, f"{labelled.title}: {part}").model_dump(mode="json")
        document.append({"model": classifier.name, "unfamiliar": _unfamiliar(classifier, answers), **figures})
    emit(document, [_line(entry) for entry in document], as_json)


def _unfamiliar(classifier: Classifier, answers: pd.DataFrame) -> float | None:
    """The share of images called unfamiliar, where the model can tell."""
    novelty, distances = classifier.card.novelty, answers["novelty"].dropna()
    return None if novelty is None or distances.empty else float((distances > novelty.threshold).mean())


def _line(entry: dict[str, Any]) -> str:
    recall = "not said (too few images a class)" if entry["mean_recall"] is None else f"{entry['mean_recall']:.2%}"
    return (
        f"{entry['model']}: accuracy {entry['accuracy']:.2%}, mean recall {recall}, "
        f"{entry['images']} images of {entry['data']}"
    )

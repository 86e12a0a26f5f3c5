"""`evaluate`: figures of trained models on labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    document = []
    for classifier in load_all(model, checkpoints):
        say(f"{classifier.name} on {len(table)} images")
        answers = answer_table(classifier, table, framing)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            answers.to_parquet(out / f"{classifier.name}.parquet", index=False)
        figures = score_of(answers, classifier.card.classes, f"{labelled.title}: {part}")
        unfamiliar = (
            (answers["novelty"] > classifier.card.novelty.threshold).mean() if classifier.card.novelty else None
        )
        document.append({"model": classifier.name, "unfamiliar": unfamiliar, **figures.model_dump(mode="json")})
    lines = [
        f"{entry['model']}: accuracy {entry['accuracy']:.2%}, mean recall {entry['mean_recall']:.2%}, "
        f"{entry['images']} images of {entry['data']}"
        for entry in document
    ]
    emit(document, lines, as_json)

"""`python -m benchmarks adaptation`: what fitting to a laboratory brings on its cells whose labels were not used."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from core.adaptation.adapt import UNLABELLED, adapt, drawn_labels, held_out_scores
from core.adaptation.features import Views
from core.cli.common import Checkpoints, emit, reports_bad_input, say
from core.cli.data import Data
from core.data.datasets import read_data
from core.data.loading import read_boxed
from core.errors import InputError
from core.models.checkpoints import find, load_classifier
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image


@dataclass(frozen=True)
class AdaptationRow:
    """Means over draws of `labels` a class: mean recall on the other cells before and after, the gain that
    cross-validation foretold, how many of the fits were called helpful, and the seconds of one.
    """

    model: str
    data: str
    labels: int
    draws: int
    before: float
    after: float
    foretold: float
    helpful: int
    seconds: float


@reports_bad_input
def adaptation(
    model: Annotated[list[str], typer.Option("--model", help="Name or folder; repeat for several.")],
    data: Data = None,
    dataset: Annotated[str, typer.Option("--dataset", help="The set that the models are fitted to.")] = "jtsc",
    split: Annotated[str, typer.Option("--split", help="Its split.")] = "development",
    per_class: Annotated[list[int] | None, typer.Option("--per-class", help="Labels a class. Default: 5, 10.")] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Draws of the labels.")] = 10,
    checkpoints: Checkpoints = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fit each model to labels drawn from a set, and test it on the set's other cells."""
    if data is None:
        raise InputError("Where are the images? Name their folder with --data or LEUKOLENS_DATA.")
    table = read_data(data, dataset).split(split)
    rows = []
    for name in model:
        classifier = load_classifier(find(name, checkpoints))
        framed = [frame_image(read_boxed(Path(path), box), classifier.card.framing).rgb
                  for path, box in zip(table["path"], table["box"], strict=True)]  # fmt: skip
        labels = np.array([classifier.card.classes.index(label) for label in table["label"]], dtype=np.int64)
        for count in per_class or [5, 10]:
            rows.append(measure_adaptation(classifier, framed, labels, f"{dataset}, {split}", count, draws))
            say(_line(rows[-1]))
    emit([asdict(row) for row in rows], [_line(row) for row in rows], as_json)


def measure_adaptation(
    classifier: Classifier, views: Views, labels: NDArray[np.int64], data: str, count: int, draws: int
) -> AdaptationRow:
    """Fit to `count` labels a class, drawn `draws` times; classes of ten other cells or more count in the recall."""
    before, after, foretold, helpful, started = [], [], [], 0, time.perf_counter()
    for seed in range(draws):
        given = drawn_labels(labels, count, seed)
        found = adapt(classifier, views, given, seed)
        rest = np.flatnonzero(given == UNLABELLED)
        scores = held_out_scores(classifier, found, [views[place] for place in rest], labels[rest])
        before.append(scores["before"].mean_recall or 0.0)
        after.append(scores["after"].mean_recall or 0.0)
        foretold.append(found.gain.value)
        helpful += found.helps
    means = [float(np.mean(values)) for values in (before, after, foretold)]
    seconds = (time.perf_counter() - started) / draws
    return AdaptationRow(classifier.name, data, count, draws, *means, helpful, seconds)


def _line(row: AdaptationRow) -> str:
    return (
        f"| {row.model} | {row.data} | {row.labels} | {100 * row.before:.1f} | {100 * row.after:.1f} | "
        f"{100 * (row.after - row.before):+.1f} | {100 * row.foretold:+.1f} | {row.helpful} of {row.draws} | "
        f"{row.seconds:.1f} s |"
    )

"""Whether an exported file answers as the model does: both asked about the same cells, differences and times told."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.classes import CLASSES
from core.conversion.formats import Answers, Pictures, Runner
from core.data.datasets import default_kind, read_data
from core.data.loading import read_boxed
from core.errors import InputError
from core.explanation.gradients import class_gradients
from core.explanation.methods.cam import class_maps
from core.models.classifier import Classifier, resize
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell

CELLS = 100
FIRST_PARITY_SEED = 1 << 36  # of simulated cells: neither the gallery's, nor training's, nor those of `samples`
FIRST_CALIBRATION_SEED = FIRST_PARITY_SEED + 1_000_000
TOLERANCE = 1e-3  # of a probability in float32: a tenth of a point, less than any page shows
LEAST_CORRELATION = 0.99  # of exported maps with Grad-CAM's
TIMED = 20


@dataclass(frozen=True)
class ParityCells:
    """Pictures of one source as the exported model takes them, each `(1, 3, S, S) float32` in [0, 1], and as the
    classifier takes them, `views`."""

    source: str
    views: tuple[NDArray[np.uint8], ...]
    pictures: tuple[Pictures, ...]


@dataclass(frozen=True)
class Parity:
    """Differences on the cells of one source.

    `largest` and `mean` difference of a probability, `changed` answers, `correlation` the lowest and the median Pearson
    correlation of maps with Grad-CAM's, `novelty` the largest difference of the distance relative to it; None where the
    file does not give them. `left_out` maps are even in both.
    """

    source: str
    cells: int
    largest: float
    mean: float
    changed: int
    correlation: tuple[float, float] | None
    left_out: int
    novelty: float | None

    @property
    def holds(self) -> bool:
        """Whether it answers as the model does, up to rounding in float32."""
        maps = self.correlation is None or self.correlation[0] >= LEAST_CORRELATION
        return self.largest <= TOLERANCE and not self.changed and maps and (self.novelty or 0.0) <= 1e-2


def simulated_cells(classifier: Classifier, count: int = CELLS, first_seed: int = FIRST_PARITY_SEED) -> ParityCells:
    """`count` simulated cells, the classes in turn, framed as the model was trained; the same each time."""
    drawn = (draw_cell(CLASSES[n % len(CLASSES)], first_seed + n).image for n in range(count))
    return _cells(classifier, "simulated", [frame_image(rgb, classifier.card.framing).rgb for rgb in drawn])


def real_cells(classifier: Classifier, data: Path, count: int = CELLS) -> ParityCells:
    """`count` cells of the labelled images at `data`, evenly spread over its first split for reports, framed likewise.

    InputError where none can be read.
    """
    labelled = read_data(data, default_kind(data))
    table = labelled.split(labelled.first_split())
    chosen = table.iloc[np.unique(np.linspace(0, len(table) - 1, count).round().astype(int))]
    views = []
    for row in chosen.to_dict("records"):
        try:
            rgb = read_boxed(Path(str(row["path"])), str(row.get("box") or ""))
        except InputError:
            continue
        views.append(frame_image(rgb, classifier.card.framing).rgb)
    if not views:
        raise InputError(f"None of the images at {data} could be read.")
    return _cells(classifier, labelled.title, views)


def _cells(classifier: Classifier, source: str, views: list[NDArray[np.uint8]]) -> ParityCells:
    pictures = tuple(input_of(view, classifier.card.input_size) for view in views)
    return ParityCells(source, tuple(views), pictures)


def input_of(view: NDArray[np.uint8], side: int) -> Pictures:
    """A framed picture `(h, w, 3) uint8` -> `(1, 3, side, side) float32` in [0, 1], which exported models take."""
    scaled = resize(view, side).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def parity(classifier: Classifier, cells: ParityCells, run: Runner) -> Parity:
    """Ask the classifier, by the path of every user's picture, and the file, and compare."""
    told = classifier.predict(cells.views)
    found = [run(picture) for picture in cells.pictures]
    ours = np.stack([answer.probabilities for answer in told])
    theirs = np.concatenate([answer["probabilities"] for answer in found])
    if not np.isfinite(theirs).all():
        raise InputError("The exported file answers with numbers that are not finite: do not use it.")
    difference = np.abs(ours - theirs)
    correlations, even = _map_correlations(classifier, cells, found)
    novelty = [
        abs(float(answer["novelty"][0]) - own.novelty) / max(own.novelty, 1e-6)
        for answer, own in zip(found, told, strict=True)
        if "novelty" in answer and own.novelty is not None
    ]
    return Parity(
        cells.source,
        len(told),
        float(difference.max()),
        float(difference.mean()),
        int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()),
        (min(correlations), float(np.median(correlations))) if correlations else None,
        even,
        max(novelty) if novelty else None,
    )


def _map_correlations(classifier: Classifier, cells: ParityCells, found: Sequence[Answers]) -> tuple[list[float], int]:
    """Pearson correlations of the maps of every cell and class with ours in float32, and how many are even in both.

    A map that is even in one alone counts as no correlation.
    """
    correlations: list[float] = []
    even = 0
    for view, answer in zip(cells.views, found, strict=True):
        if "maps" not in answer:
            continue
        own = class_maps("GradCAM", class_gradients(classifier.network, classifier.tensor([view])))
        for ours, theirs in zip(own.reshape(len(own), -1), answer["maps"].reshape(len(own), -1), strict=True):
            if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
                even += 1
            elif np.ptp(ours) == 0 or np.ptp(theirs) == 0:
                correlations.append(0.0)
            else:
                correlations.append(float(np.corrcoef(ours, theirs)[0, 1]))
    return correlations, even


def milliseconds(run: Runner, pictures: Sequence[Pictures]) -> float:
    """The median time of one picture, after three that do not count."""
    for picture in pictures[:3]:
        run(picture)
    times = []
    for picture in pictures[:TIMED]:
        started = time.perf_counter()
        run(picture)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


def measured_on(threads: int, versions: Mapping[str, str]) -> dict[str, Any]:
    """What times depend on: processor, threads and versions."""
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": threads,
        "versions": {"torch": torch.__version__, **versions},
    }

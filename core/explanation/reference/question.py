"""What a reference library is asked, and its answer, as plain files between two processes: JSON and safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.files import read_bounded, write_whole
from core.models.classifier import Classifier
from core.settings import Value

QUESTION, PICTURES, ANSWER, MAPS, PROGRESS = (
    "question.json",
    "pictures.safetensors",
    "answer.json",
    "maps.safetensors",
    "progress.json",
)
LARGEST = 64 * 2**20  # bytes of a file of the child's that is read


@dataclass(frozen=True, eq=False)
class Question:
    """One map to be computed again: model folder, picture, method, settings, and the evaluations that ours rests on.

    `rgb` `(h, w, 3) uint8` is the framed picture, `mask` `(h, w) bool` the reader's mask of the cell and
    `regions` `(h, w) int32` their own regions, if any; `labels` are the classes wanted. The child refuses weights other
    than those of `weights_sha256`.
    """

    folder: Path
    weights_sha256: str
    method: str
    labels: tuple[str, ...]
    settings: Mapping[str, Value]
    seed: int
    evaluations: int
    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None = None
    regions: NDArray[np.int32] | None = None

    @classmethod
    def about(
        cls, classifier: Classifier, context: ImageContext, explanation: Explanation, labels: Sequence[str]
    ) -> Question:
        """The question that `explanation` answered; InputError for a model that was not loaded from a folder."""
        if classifier.folder is None:
            raise InputError(f"{classifier.name} was not loaded from a model folder, which another process could read.")
        return cls(
            folder=classifier.folder,
            weights_sha256=classifier.weights_sha256,
            method=explanation.method,
            labels=tuple(labels),
            settings=explanation.settings.model_dump(),
            seed=explanation.seed or 0,
            evaluations=explanation.evaluations,
            rgb=context.rgb,
            mask=context.given_mask,
            regions=context.given_regions,
        )

    def write(self, place: Path) -> None:
        """Write it into the folder `place`."""
        pictures: dict[str, NDArray[Any]] = {"rgb": np.ascontiguousarray(self.rgb)}
        if self.mask is not None:
            pictures["mask"] = np.ascontiguousarray(self.mask)
        if self.regions is not None:
            pictures["regions"] = np.ascontiguousarray(self.regions)
        (place / PICTURES).write_bytes(save(pictures))
        document = {
            "folder": str(self.folder),
            "weights_sha256": self.weights_sha256,
            "method": self.method,
            "labels": self.labels,
            "settings": dict(self.settings),
            "seed": self.seed,
            "evaluations": self.evaluations,
        }
        (place / QUESTION).write_text(json.dumps(document))

    @classmethod
    def read(cls, place: Path) -> Question:
        """Read what `write` wrote."""
        document = json.loads((place / QUESTION).read_text())
        pictures = load((place / PICTURES).read_bytes())
        document |= {"folder": Path(document["folder"]), "labels": tuple(document["labels"])}
        return cls(**document, rgb=pictures["rgb"], mask=pictures.get("mask"), regions=pictures.get("regions"))


@dataclass(frozen=True, eq=False)
class LibraryAnswer:
    """The library's maps `(k, S, S) float32` of the classes asked for, and the seconds it took, the loading apart."""

    maps: NDArray[np.float32]
    seconds: float


def write_answer(place: Path, answer: LibraryAnswer) -> None:
    """Write the maps, then the document that says that they are whole."""
    write_whole(place / MAPS, save({"maps": np.ascontiguousarray(answer.maps, dtype=np.float32)}))
    _write(place / ANSWER, {"seconds": answer.seconds})


def write_refusal(place: Path, message: str) -> None:
    """Write that the library cannot be asked this, and why."""
    _write(place / ANSWER, {"refused": message})


def read_answer(place: Path) -> LibraryAnswer | str | None:
    """The answer, the reason why there is none, or None where the process ended without either or wrote it badly."""
    document = _read(place / ANSWER)
    if document is None:
        return None
    if "refused" in document:
        return str(document["refused"])
    data = read_bounded(place / MAPS, LARGEST)
    try:
        return (
            None if data is None else LibraryAnswer(load(data)["maps"].astype(np.float32), float(document["seconds"]))
        )
    except (SafetensorError, KeyError, TypeError, ValueError):
        return None


def write_progress(place: Path, done: int, expected: int) -> None:
    """Tell how many pictures the network was shown, of how many."""
    _write(place / PROGRESS, {"done": done, "expected": expected})


def read_progress(place: Path) -> tuple[int, int]:
    """Pictures shown to the network so far, and how many they will be; (0, 0) before the first."""
    document = _read(place / PROGRESS) or {}
    return int(document.get("done", 0)), int(document.get("expected", 0))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(dict(document)).encode())


def _read(path: Path) -> dict[str, Any] | None:
    data = read_bounded(path, LARGEST)
    try:
        document = None if data is None else json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None

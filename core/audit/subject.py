"""What is audited: models with their answers to one set of images, the pictures' own facts, and each one's slide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.loading import read_boxed
from core.data.readers import read_csv_as_text
from core.errors import InputError
from core.evaluation.predictions import Answers
from core.models.card import ModelCard

BORDER = 10  # px: the outermost ones, which show no cell in a crop of one
FACTS = ("red", "green", "blue", "red_spread", "green_spread", "blue_spread")
"""Mean and deviation of the border's channels, 0-255."""


@dataclass(frozen=True)
class AuditedModel:
    """A model's `card` and its `answers`; `novelty` are its distances, and those to pictures of `other` things, where
    it has such a measure. `other_logits` `(M, K)` are its logits to these. `choosing` are its answers to images that
    thresholds are chosen on, where there are such.
    """

    name: str
    card: ModelCard
    answers: Answers
    novelty: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    other_logits: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 1)))
    other_novelty: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    choosing: Answers | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is right."""
        return self.answers.predicted == self.answers.labels

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated as the model gives them `(N, K)`."""
        return self.answers.probabilities(self.card.temperature)


@dataclass(frozen=True)
class TrainedOn:
    """What the models were trained on: its `title`, how many `images` were looked through, how many of `audited` ones
    were compared with them, and for each audited image (by its path) that has a copy there, (path of it, how alike).

    `named_by` are the models whose cards name this very set; `unread` how many files of both could not be read.
    """

    title: str
    images: int
    audited: int
    copies: Mapping[str, tuple[str, str]]
    named_by: tuple[str, ...] = ()
    unread: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class AuditedSet:
    """The images: `title`, and a row each in `pictures` (image, sha256, label, width, height, bytes, sharpness, FACTS,
    group) where the pictures are at hand; None where only answers are. `unreadable` are names with reasons,
    `subgroups` what each further column of the table says of each image that it names, `trained_on` what was found of
    them among training images, where these are at hand.
    """

    title: str
    pictures: pd.DataFrame | None = None
    unreadable: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    subgroups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    trained_on: TrainedOn | None = None

    @property
    def groups(self) -> Mapping[str, str]:
        """The slide (or patient) of each image by its name; empty where none are known."""
        if self.pictures is None or "group" not in self.pictures or (self.pictures["group"] == "").all():
            return {}
        return dict(zip(self.pictures["image"], self.pictures["group"], strict=True))


def picture_facts(paths: Sequence[str], boxes: Sequence[str]) -> pd.DataFrame:
    """A row of facts for each picture, at its place `row` in `paths`; unreadable ones have none."""
    rows = []
    for row, (text, box) in enumerate(zip(paths, boxes, strict=True)):
        path = Path(text)
        try:
            rgb = read_boxed(path, box)
        except InputError:
            continue
        facts = {"row": row, "width": rgb.shape[1], "height": rgb.shape[0], "bytes": path.stat().st_size}
        rows.append({**facts, "sharpness": sharpness(rgb), **border_facts(rgb)})
    return pd.DataFrame(rows)


def group_of(path: Path, groups: Mapping[str, str]) -> str:
    """What a table of `read_audit_groups` says of a picture; "" where it says nothing."""
    return groups.get(_ending(path), groups.get(path.name, ""))


def border_facts(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Mean and deviation of each channel over the outermost BORDER px of `(H, W, 3)`."""
    outside = np.ones(rgb.shape[:2], dtype=bool)
    outside[BORDER:-BORDER, BORDER:-BORDER] = False
    border = rgb[outside].astype(np.float64)
    return dict(zip(FACTS, (*border.mean(axis=0), *border.std(axis=0)), strict=True))


def sharpness(rgb: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian of the grey picture (Pech-Pacheco et al. 2000): low where it is out of focus."""
    return float(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def read_audit_groups(path: Path, column: str) -> dict[str, str]:
    """What the named column of a CSV says of each picture (its slide or patient, say), which `path` or `image` names.

    Keys are "<folder>/<file>"; where no file name stands twice, file names alone too. InputError for a file without
    these columns.
    """
    names = "path" if _has(path, ("path", column)) else "image"
    table = read_csv_as_text(path, (names, column))
    places = [Path(text.strip()) for text in table[names]]
    groups = [text.strip() for text in table[column]]
    found = {_ending(place): group for place, group in zip(places, groups, strict=True)}
    plain = [place.name for place in places]
    if len(set(plain)) == len(plain):
        found |= dict(zip(plain, groups, strict=True))
    return found


def _ending(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _has(path: Path, columns: tuple[str, ...]) -> bool:
    try:
        read_csv_as_text(path, columns)
    except InputError:
        return False
    return True

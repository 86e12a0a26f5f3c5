"""A classifier's answers on a labelled set, through the same path that a user's image takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.data.loading import read_boxed
from core.data.readers import utf8
from core.decoding import read_image
from core.errors import InputError
from core.evaluation.metrics import card_score
from core.models.card import CardScore
from core.preprocessing.framing import View, frame_image

if TYPE_CHECKING:
    from core.models.classifier import Classifier


BATCH = 64

DIGITS = 16  # of a file's SHA-256 that are kept beside its answer

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SetPredictions:
    """The answers as a table, and each image that could not be read with the reason."""

    table: pd.DataFrame
    unreadable: tuple[tuple[str, str], ...]


def answer_table(
    classifier: Classifier, table: pd.DataFrame, framing: str | None = None, tell: Tell = lambda _: None
) -> pd.DataFrame:
    """A row an image: `image`, `sha256`, `label`, `predicted`, `novelty`, and `logit_<class>` for every class.

    `table` has columns path and label; where they are there, `box` says which part of a picture is meant, and `row` is
    kept. Images are decoded, framed as the model was trained (or as `framing`) and answered in batches; unreadable
    ones are told and left out.
    """
    asked = ask_all(classifier, table, framing, tell)
    for path, reason in asked.unreadable:
        tell(f"skipped {path}: {reason}")
    return asked.table


def ask_all(
    classifier: Classifier, table: pd.DataFrame, framing: str | None = None, tell: Tell = lambda _: None
) -> SetPredictions:
    """As `answer_table`, with the images that could not be read; InputError where none could."""
    rows: list[dict[str, object]] = []
    unreadable: list[tuple[str, str]] = []
    for start in range(0, len(table), BATCH):
        part = _read(table.iloc[start : start + BATCH], framing or classifier.card.framing, unreadable)
        for one, prediction in zip(part, classifier.predict([one.view.rgb for one in part]), strict=True):
            logits = {f"logit_{name}": float(x) for name, x in zip(prediction.classes, prediction.logits, strict=True)}
            rows.append({**one.facts, "predicted": prediction.predicted, "novelty": prediction.novelty, **logits})
        tell(f"{min(start + BATCH, len(table))} of {len(table)} images")
    if not rows:
        raise InputError(
            f"None of the {len(table)} images could be read; the first: {unreadable[0][1]}"
            if unreadable
            else "There are no images to answer."
        )
    return SetPredictions(pd.DataFrame(rows), tuple(unreadable))


@dataclass(frozen=True)
class _Framed:
    facts: dict[str, object]
    view: View


def _read(part: pd.DataFrame, framing: str, unreadable: list[tuple[str, str]]) -> list[_Framed]:
    """Decode and frame; what cannot be read goes to `unreadable`."""
    framed = []
    blank = [""] * len(part)
    boxes, rows = part.get("box", blank), part.get("row", blank)
    for text, label, box, row in zip(part["path"], part["label"], boxes, rows, strict=True):
        path = Path(text)
        try:
            image = read_image(path)
            view = frame_image(read_boxed(path, box) if box else image.rgb, framing)
        except InputError as error:
            unreadable.append((utf8(str(path)), utf8(str(error))))
            continue
        facts = {"image": utf8(f"{path.parent.name}/{path.name}"), "sha256": image.sha256[:DIGITS], "label": label}
        facts |= {} if row == "" else {"row": row}
        framed.append(_Framed(facts, view))
    return framed


def score_of(answers: pd.DataFrame, classes: tuple[str, ...], data: str) -> CardScore:
    """The figures of an `answer_table` that go into a card; labels must be among `classes`."""
    index = {name: number for number, name in enumerate(classes)}
    labels = np.array([index[name] for name in answers["label"]], dtype=np.int64)
    predicted = np.array([index[name] for name in answers["predicted"]], dtype=np.int64)
    return card_score(data, labels, predicted, classes)

"""Made-up answers of a model, for tests of figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.classes import CLASSES
from core.evaluation.predictions import Answers


def made_up(count: int = 300, classes: tuple[str, ...] = CLASSES, skill: float = 1.5, seed: int = 0) -> Answers:
    """Answers of a model that is right more often the greater its `skill`; every class there."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(len(classes)), random.integers(0, len(classes), count - len(classes))])
    logits = random.normal(size=(count, len(classes)))
    logits[np.arange(count), labels] += skill
    return from_logits(labels, logits, classes)


def from_logits(labels: np.ndarray, logits: np.ndarray, classes: tuple[str, ...]) -> Answers:
    names = tuple(f"{classes[label]}/{number}.png" for number, label in enumerate(labels))
    return Answers(classes, names, labels.astype(np.int64), logits.argmax(axis=1), logits.astype(np.float64))


def table_of(answers: Answers) -> pd.DataFrame:
    """The answers as the table that is kept beside a model."""
    return pd.DataFrame(
        {
            "image": answers.images,
            "label": [answers.classes[number] for number in answers.labels],
            "predicted": [answers.classes[number] for number in answers.predicted],
            "novelty": np.nan,
            **{f"logit_{name}": answers.logits[:, number] for number, name in enumerate(answers.classes)},
        }
    )


def write_answers(folder: Path, answers: Answers) -> None:
    table_of(answers).to_parquet(folder / "predictions.parquet", index=False)

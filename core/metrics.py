"""Figures of a classifier on labelled images, from its answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.card import Score

FEWEST = 10  # images that a class needs to count in the mean recall


def confusion_matrix(labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts `(K, K)`: true class down, answer across."""
    return np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)


def score(data: str, labels: NDArray[np.int64], answers: NDArray[np.int64], classes: Sequence[str]) -> Score:
    """Accuracy and recall per class; the mean recall leaves out classes under 10 images (None if all are)."""
    counts = confusion_matrix(labels, answers, len(classes))
    totals = counts.sum(axis=1)
    recalls = counts.diagonal() / np.maximum(totals, 1)
    enough = totals >= FEWEST
    return Score(
        data=data,
        images=int(totals.sum()),
        accuracy=float(counts.diagonal().sum() / max(1, totals.sum())),
        mean_recall=float(recalls[enough].mean()) if enough.any() else None,
        recall={name: float(recalls[i]) for i, name in enumerate(classes) if totals[i]},
        counts={name: int(totals[i]) for i, name in enumerate(classes)},
    )

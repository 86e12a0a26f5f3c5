"""Which answers stand behind a figure: a cell of a matrix, a point of a curve, a bin of confidences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.evaluation.metrics import log_odds
from core.evaluation.predictions import Answers
from dashboard.answered_images import AnsweredImage, show_images
from dashboard.evaluate.models import Evaluated


def show_answers(model: Evaluated, sentence: str, found: Sequence[AnsweredImage], place: str, choice: str) -> None:
    """Say what was found, and show the images where they are at hand; the words are `show_images`'."""
    tested_on = model.figures.data if model.figures else "other images"
    show_images(model.name, tested_on, sentence, found, place, choice)


def in_cell(answers: Answers, true: str, named: str, temperature: float) -> list[AnsweredImage]:
    """The answers counted in one cell of the confusion matrix, the surest first."""
    row, column = answers.classes.index(true), answers.classes.index(named)
    sure = answers.probabilities(temperature)[:, column]
    return _listed(answers, (answers.labels == row) & (answers.predicted == column), sure)


def in_bin(answers: Answers, low: float, high: float, temperature: float) -> tuple[list[AnsweredImage], int]:
    """The answers whose confidence lies in (low, high], the wrong ones first, and how many are wrong."""
    sure = answers.probabilities(temperature).max(axis=1)
    inside, wrong = (sure > low) & (sure <= high), answers.labels != answers.predicted
    mistakes = _listed(answers, inside & wrong, sure)
    return [*mistakes, *_listed(answers, inside & ~wrong, sure)], len(mistakes)


def at_point(
    answers: Answers, name: str, false_positive: float, true_positive: float, temperature: float
) -> tuple[list[AnsweredImage], list[AnsweredImage]]:
    """What a point of the ROC curve of the class `name` gets wrong: its cells that are missed, others taken for one.

    The rates are the point's, 0 to 1. Those furthest from its threshold come first.
    """
    number = answers.classes.index(name)
    order = log_odds(answers.logits / temperature, number).argsort(kind="stable")  # the lowest first
    member = answers.labels[order] == number
    inside, outside = order[member], order[~member]
    missed = inside[: len(inside) - round(true_positive * len(inside))]
    alarms = outside[len(outside) - round(false_positive * len(outside)) :][::-1]
    sure = answers.probabilities(temperature)[:, number]
    return [_answered(answers, at, sure) for at in missed.tolist()], [
        _answered(answers, at, sure) for at in alarms.tolist()
    ]


def _listed(answers: Answers, chosen: NDArray[np.bool_], sure: NDArray[np.float64]) -> list[AnsweredImage]:
    found = [_answered(answers, place, sure) for place in np.flatnonzero(chosen).tolist()]
    return sorted(found, key=lambda case: (-case.sure, case.image))


def _answered(answers: Answers, place: int, sure: NDArray[np.float64]) -> AnsweredImage:
    digest = answers.digests[place] if answers.digests else ""
    true, named = (answers.classes[int(of[place])] for of in (answers.labels, answers.predicted))
    return AnsweredImage(answers.images[place], float(sure[place]), digest, true, named)

"""What the process does that asks a reference library: read the question, tell how far it is, leave the answer."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_request
from core.explanation.reference.question import (
    LibraryAnswer,
    Question,
    write_answer,
    write_progress,
    write_refusal,
)
from core.explanation.reference.registry import REFERENCES
from core.models.checkpoints import load_classifier

OFTEN = 0.3  # s between two reports


class Reporter:
    """Writes how far the work is, now and then."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._told = 0.0

    def __call__(self, done: int, expected: int) -> None:
        """Take in how many pictures the network was shown."""
        now = time.monotonic()
        if now - self._told >= OFTEN:
            self._told = now
            write_progress(self._place, done, expected)


def answer(question: Question, tell: Reporter) -> LibraryAnswer:
    """Ask the reference of the question's method; InputError where it cannot be asked."""
    classifier = load_classifier(question.folder)
    if classifier.weights_sha256 != question.weights_sha256:
        raise InputError(f"{classifier.name}'s files were changed since it was loaded: load it again.")
    context = ImageContext(question.rgb, question.mask, question.regions)
    request = checked_request(question.method, classifier, context, question.settings, question.seed, "float32")
    indices = [classifier.card.classes.index(label) for label in question.labels]
    started = time.perf_counter()
    maps = REFERENCES[question.method].compute(request, indices, question.evaluations, tell)
    return LibraryAnswer(maps, time.perf_counter() - started)


def answer_question(place: Path) -> None:
    """Answer the question in the folder `place`, on one thread, and leave the answer there."""
    torch.set_num_threads(1)
    try:
        write_answer(place, answer(Question.read(place), Reporter(place)))
    except InputError as error:
        write_refusal(place, str(error))

"""What this session had scored or checked: the work behind it, and its results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation, checked_request
from core.explanation.quality.randomisation import Randomisation, RandomisationTask
from core.explanation.quality.scores import Scoring
from core.explanation.quality.scoring import ScoringTask
from core.explanation.service.scheduler import JobHandle
from core.explanation.task import Task
from core.models.classifier import Classifier
from dashboard.explain.jobs import GOING_ON, LEASE, ModelRow, visit

HELD = "scored-maps"

MOST_HELD = 48

SCORING, RANDOMISATION = "scores", "randomisation"


@dataclass(frozen=True)
class MapOf:
    """One map: a model's, by a method, for a class."""

    row: ModelRow
    method: str
    label: str

    @property
    def explanation(self) -> Explanation:
        """The model's maps by the method, as far as they have come."""
        return self.row.explanations[self.method]

    @property
    def key(self) -> str:
        """What tells this map from others, whatever its budget."""
        return f"{self.row.jobs[self.method].key}/{self.label}"


@dataclass(frozen=True)
class Check:
    """Work on one map: its scores, or the randomisation check; `evaluations` those that the map rested on then."""

    job: JobHandle
    evaluations: int
    model: str

    @property
    def going_on(self) -> bool:
        """Whether there is more to come."""
        return self.job.state in GOING_ON


def start_scoring(subject: MapOf, private: bool) -> None:
    """Begin to score a map as it stands."""
    explanation, (classifier, context) = subject.explanation, _parts(subject)
    task_key = (SCORING, subject.row.jobs[subject.method].stamp(explanation), subject.label)
    _begin(
        SCORING,
        subject,
        task_key,
        lambda: ScoringTask(classifier, context, explanation, subject.label, precision=explanation.precision),
        private,
    )


def randomise(subject: MapOf, private: bool) -> None:
    """Begin the randomisation check of a method for a class."""
    explanation, (classifier, context) = subject.explanation, _parts(subject)
    _begin(
        RANDOMISATION,
        subject,
        (RANDOMISATION, subject.key, explanation.budget),
        lambda: RandomisationTask(
            checked_request(
                subject.method,
                classifier,
                context,
                explanation.settings,
                explanation.seed or 0,
                explanation.precision,
            ),
            subject.label,
        ),
        private,
    )


def find_check(kind: str, subject: MapOf) -> Check | None:
    """Return the work of `kind` on a map, looked after; None where it was not asked for."""
    check: Check | None = _held().get((kind, subject.key))
    if check is not None:
        check.job.touch()
    return check


def any_scoring() -> bool:
    """Whether this session has scores or checks that are not over."""
    return any(check.going_on for check in _held().values())


def scoring_of(check: Check) -> Scoring:
    """Read the scores so far."""
    return check.job.read(lambda task: task.scoring())


def randomisation_of(check: Check) -> Randomisation:
    """Read the randomisation check so far."""
    return check.job.read(lambda task: task.result())


def finished(kind: str, rows: list[ModelRow]) -> list[Check]:
    """Return the finished work of `kind` on what `rows` show; scores of a map that has sharpened since do not count."""
    keys = {
        row.jobs[method].key: item.evaluations
        for row in rows
        for method, item in row.explanations.items()
        if method in row.jobs
    }
    return [
        check
        for (held_kind, key), check in _held().items()
        if held_kind == kind
        and check.job.state == "done"
        and (place := key.rpartition("/")[0]) in keys
        and (kind != SCORING or check.evaluations == keys[place])
    ]


def forget_checks() -> None:
    """Drop all of this session's."""
    _held().clear()


def _begin(kind: str, subject: MapOf, task_key: object, make: Callable[[], Task], private: bool) -> None:
    here = visit()
    job = here.service.run(task_key, make, owner=here.owner, lease=LEASE, private=private, context=subject.row.context)
    job.resume()
    held = _held()
    held[kind, subject.key] = Check(job, subject.explanation.evaluations, subject.row.name)
    held.move_to_end((kind, subject.key))
    while len(held) > MOST_HELD:
        held.popitem(last=False)


def _parts(subject: MapOf) -> tuple[Classifier, ImageContext]:
    classifier, context = subject.row.answer.entry.classifier, subject.row.context
    assert classifier is not None and context is not None  # there are maps
    return classifier, context


def _held() -> OrderedDict[tuple[str, str], Check]:
    return st.session_state.setdefault(HELD, OrderedDict())

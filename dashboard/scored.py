"""What this session had scored or checked: the work behind it, and its results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.classifier import Classifier
from core.explanation.explanation import Explanation
from core.explanation.queue import Job
from core.explanation.scene import Scene
from core.explanation.task import Task
from core.explanation.worth.randomisation import Randomisation, RandomisationTask
from core.explanation.worth.task import WorthTask
from core.explanation.worth.worth import Worth
from dashboard.explained import Row
from dashboard.jobs import GOING_ON
from dashboard.service import LEASE, visit

HELD = "scored-maps"
MOST_HELD = 48
SCORES, RANDOMISATION = "scores", "randomisation"


@dataclass(frozen=True)
class MapOf:
    """One map: a model's, by a method, for a class."""

    row: Row
    method: str
    label: str

    @property
    def explanation(self) -> Explanation:
        """The model's maps by the method, as far as they have come."""
        return self.row.explanations[self.method]

    @property
    def key(self) -> str:
        """What tells this map from others, whatever its budget."""
        return f"{self.row.tickets[self.method].key}/{self.label}"


@dataclass(frozen=True)
class Check:
    """Work on one map: its scores, or the randomisation check; `evaluations` those that the map rested on then."""

    job: Job
    evaluations: int
    model: str

    @property
    def going_on(self) -> bool:
        """Whether there is more to come."""
        return self.job.state in GOING_ON


def score(subject: MapOf, private: bool) -> None:
    """Begin to score a map as it stands."""
    explanation, (classifier, scene) = subject.explanation, _parts(subject)
    task_key = (SCORES, subject.row.tickets[subject.method].stamp(explanation), subject.label)
    _begin(
        SCORES,
        subject,
        task_key,
        lambda: WorthTask(classifier, scene, explanation, subject.label, precision=explanation.precision),
        private,
    )


def randomise(subject: MapOf, private: bool) -> None:
    """Begin the randomisation check of a method for a class."""
    explanation, (classifier, scene) = subject.explanation, _parts(subject)
    _begin(
        RANDOMISATION,
        subject,
        (RANDOMISATION, subject.key, explanation.budget),
        lambda: RandomisationTask(
            classifier,
            scene,
            subject.method,
            dict(explanation.settings),
            explanation.seed or 0,
            explanation.precision,
            subject.label,
        ),
        private,
    )


def found(kind: str, subject: MapOf) -> Check | None:
    """Return the work of `kind` on a map, looked after; None where it was not asked for."""
    check: Check | None = _held().get((kind, subject.key))
    if check is not None:
        check.job.touch()
    return check


def worth_of(check: Check) -> Worth:
    """Read the scores so far."""
    return check.job.read(lambda task: task.worth())


def randomisation_of(check: Check) -> Randomisation:
    """Read the randomisation check so far."""
    return check.job.read(lambda task: task.result())


def finished(kind: str, rows: list[Row]) -> list[Check]:
    """Return the finished work of `kind` on what `rows` show; scores of a map that has sharpened since do not count."""
    keys = {
        row.tickets[method].key: item.evaluations
        for row in rows
        for method, item in row.explanations.items()
        if method in row.tickets
    }
    return [
        check
        for (held_kind, key), check in _held().items()
        if held_kind == kind
        and check.job.state == "done"
        and (place := key.rpartition("/")[0]) in keys
        and (kind != SCORES or check.evaluations == keys[place])
    ]


def forget_checks() -> None:
    """Drop all of this session's."""
    _held().clear()


def _begin(kind: str, subject: MapOf, task_key: object, make: Callable[[], Task], private: bool) -> None:
    here = visit()
    job = here.service.run(task_key, make, owner=here.owner, lease=LEASE, private=private, scene=subject.row.scene)
    job.resume()
    held = _held()
    held[kind, subject.key] = Check(job, subject.explanation.evaluations, subject.row.name)
    held.move_to_end((kind, subject.key))
    while len(held) > MOST_HELD:
        held.popitem(last=False)


def _parts(subject: MapOf) -> tuple[Classifier, Scene]:
    classifier, scene = subject.row.answer.slot.classifier, subject.row.scene
    assert classifier is not None and scene is not None  # there are maps
    return classifier, scene


def _held() -> OrderedDict[tuple[str, str], Check]:
    return st.session_state.setdefault(HELD, OrderedDict())

"""What this session had checked against reference libraries: the processes behind it, and what came of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from core.errors import InputError
from core.explanation.engine import Explanation
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import Question
from core.explanation.reference.queue import ReferenceLine
from core.explanation.reference.verification import Verification
from dashboard.explain.jobs import GOING_ON, LEASE, ModelRow
from dashboard.explain.scoring import MapOf

HELD = "reference-checks"
MOST_HELD = 24


@dataclass(frozen=True, eq=False)
class Comparison:
    """A map as it stood, and the process that computes it again; `seconds` is what ours took, for all classes."""

    explanation: Explanation
    process: ReferenceProcess
    seconds: float

    @property
    def going_on(self) -> bool:
        """Whether there is a result to come."""
        return self.process.state in GOING_ON

    @cached_property
    def result(self) -> Verification:
        """What came of it; to be read once it is over."""
        return Verification.of(self.explanation, self.process, self.seconds)


@st.cache_resource(show_spinner=False, max_entries=1, on_release=ReferenceLine.close)
def line() -> ReferenceLine:
    """Return the line in which the processes of all sessions wait; one runs at a time."""
    return ReferenceLine(most=1, lease=LEASE)


def verify(subjects: Sequence[MapOf]) -> None:
    """Have maps checked as they stand; what was found about them before gives way."""
    held = _held()
    for subject in subjects:
        before: Comparison | None = held.pop(subject.key, None)
        if before is not None:
            before.process.stop()
        classifier, context = subject.row.answer.entry.classifier, subject.row.context
        if classifier is None or context is None:
            continue
        try:
            question = Question.about(classifier, context, subject.explanation, [subject.label])
        except InputError as error:
            st.toast(str(error), icon=":material/block:")
            continue
        process = ReferenceProcess(question)
        line().join(process)
        ticket = subject.row.jobs[subject.method]
        held[subject.key] = Comparison(subject.explanation, process, ticket.job.seconds)
    while len(held) > MOST_HELD:
        held.popitem(last=False)[1].process.stop()


def found(subject: MapOf) -> Comparison | None:
    """Return the check of a map; None where it was not asked for."""
    return _held().get(subject.key)


def look_after() -> None:
    """Say that this session's results are still wanted, those that are not shown now among them."""
    for comparison in _held().values():
        line().look(comparison.process)


def any_verifying() -> bool:
    """Whether this session has checks that are not over."""
    return any(comparison.going_on for comparison in _held().values())


def stop_all() -> None:
    """Stop what goes on for this session; results stay."""
    for comparison in _held().values():
        comparison.process.stop()


def finished_of(rows: Sequence[ModelRow]) -> list[Verification]:
    """Return the results about the maps that `rows` show as they stand now."""
    now = {
        row.jobs[method].key: item.evaluations
        for row in rows
        for method, item in row.explanations.items()
        if method in row.jobs
    }
    return [
        held.result
        for key, held in _held().items()
        if held.process.state == "done" and now.get(key.rpartition("/")[0]) == held.explanation.evaluations
    ]


def forget_references() -> None:
    """Stop all of this session's, and drop their results."""
    stop_all()
    _held().clear()


def _held() -> OrderedDict[str, Comparison]:
    return st.session_state.setdefault(HELD, OrderedDict())

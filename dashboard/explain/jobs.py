"""A session's hold on maps that are being computed: the one explanation service of this process, what a session has of
it, and each row of the Explain page, a model's answer with its maps as far as they have come."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import Explanation, checked_request
from core.explanation.method import Method, MethodSettings, Request
from core.explanation.methods.registry import METHODS
from core.explanation.service.service import ExplanationJob, ExplanationService
from core.explanation.superpixels import OWN
from core.models.classifier import Classifier
from core.preprocessing.framing import Mask, View, framed_mask
from core.preprocessing.own_regions import OwnRegions, framed_regions
from core.preprocessing.parameters import CellParameters
from dashboard.answers import Answer, ask
from dashboard.images import Subject
from dashboard.models import entry
from dashboard.url import NO_SETTINGS, ChosenSettings, settings_for

POLL = 0.7  # s between two looks at work that goes on
LEASE = 20.0  # s that work goes on without a page that looks at it: a closed browser's stops
GOING_ON, STOPPED = ("waiting", "running"), "stopped"
KEY_DIGITS = 24
LOG = logging.getLogger(__name__)
PATIENCE = 10.0  # s that a page waits for maps of one pass; work that others asked for may be before them
FAULT = "These maps could not be computed; the server's log says why."


@dataclass(frozen=True)
class Visit:
    """A session's claim on the service: `owner` is its name there."""

    owner: str

    @property
    def service(self) -> ExplanationService:
        """The service that all sessions share."""
        return service()

    def leave(self) -> None:
        """Stop this session's work and drop what it keeps of private pictures."""
        self.service.forget(self.owner)


@st.cache_resource(show_spinner=False, max_entries=1, on_release=ExplanationService.close)
def service() -> ExplanationService:
    """Return the service that all sessions share."""
    return ExplanationService()


def visit() -> Visit:
    """Return this session's claim; it is given up when the browser goes."""
    context = get_script_run_ctx()
    return _visit(context.session_id if context is not None else "")


@st.cache_resource(show_spinner=False, max_entries=1, scope="session", on_release=Visit.leave)
def _visit(owner: str) -> Visit:
    return Visit(owner)


@dataclass(frozen=True)
class MapJob:
    """One model's maps by one method: `job` works on them, `key` says all that makes them but the budget."""

    key: str
    method: Method
    job: ExplanationJob

    @property
    def going_on(self) -> bool:
        """Whether the maps will sharpen without anybody doing anything."""
        return self.job.state in GOING_ON

    def stamp(self, explanation: Explanation) -> str:
        """What tells two states of these maps apart."""
        return f"{self.key}/{explanation.evaluations}"


def start_job(visit: Visit, wanted: Request[MethodSettings], private: bool) -> MapJob:
    """Ask for maps, or look after those asked for before; what the reader stopped stays so until they go on."""
    job = visit.service.request(wanted, owner=visit.owner, private=private, lease=LEASE)
    facts = (wanted.classifier.identity, wanted.context.digest, wanted.method, wanted.settings.besides_budget)
    told = repr((*facts, wanted.seed, wanted.precision))
    return MapJob(hashlib.sha256(told.encode()).hexdigest()[:KEY_DIGITS], METHODS[wanted.method], job)


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained, and how: all that decides the maps but the models.

    `mask` `(H, W) bool` is the reader's own mask of the cell on the subject's image, `regions` are their own parts.
    """

    subject: Subject
    framing: str
    parameters: CellParameters
    methods: tuple[str, ...]
    settings: ChosenSettings = field(default_factory=lambda: NO_SETTINGS)
    seed: int = 0
    precision: str = "auto"
    mask: Mask | None = None
    regions: OwnRegions | None = None

    @property
    def private(self) -> bool:
        """Whether what is found is this session's alone: an upload's is, and what rests on the reader's own files."""
        return not self.subject.simulated or self.mask is not None or self.regions is not None


@dataclass(frozen=True)
class ModelRow:
    """One model's answer; by method its maps so far, the work behind them, or why there are none.

    `fault` is why there is nothing at all, `regions_fault` why the reader's regions are of no use for this model.
    """

    answer: Answer
    explanations: dict[str, Explanation] = field(default_factory=dict)
    jobs: dict[str, MapJob] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    context: ImageContext | None = None
    fault: str = ""
    regions_fault: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.answer.entry.name

    @property
    def title(self) -> str:
        """The model's title."""
        return self.answer.entry.title

    def fault_of(self, method: str) -> str:
        """Why there are no maps of a method, or no more of them; "" where all is well."""
        map_job = self.jobs.get(method)
        if map_job is not None and map_job.job.state == "failed":
            return map_job.job.fault or FAULT
        return self.fault or self.faults.get(method, "")


def explain_rows(names: Sequence[str], request: ExplainRequest) -> list[ModelRow]:
    """Ask each model and explain its answer; whatever goes wrong stays in its row.

    Maps of one pass are waited for; the others are begun, or looked after, and what they have come to is shown.
    """
    rows = [_row(ask(entry(name), request.subject, request.framing, request.parameters), request) for name in names]
    instant = [name for name in request.methods if METHODS[name].instant]
    for methods in (instant, [name for name in request.methods if name not in instant]):
        for row in rows:
            for name in methods:
                _begin(row, METHODS[name], request)
    for row in rows:
        for name in instant:
            if name in row.jobs:
                row.jobs[name].job.wait(PATIENCE)
        _read(row)
    return rows


def going_on(rows: Sequence[ModelRow]) -> list[MapJob]:
    """The work that is neither finished nor stopped."""
    return [map_job for row in rows for map_job in row.jobs.values() if map_job.going_on]


def _row(answer: Answer, request: ExplainRequest) -> ModelRow:
    if answer.entry.classifier is None or answer.view is None:
        return ModelRow(answer, fault=answer.fault)
    try:
        mask = None if request.mask is None else framed_mask(request.mask, request.subject.rgb, answer.view)
        own, why = _own_regions(answer.view, request)
        here = visit()
        context = here.service.context(answer.view.rgb, mask, here.owner, request.private, own)
        return ModelRow(answer, context=context, regions_fault=why)
    except InputError as error:
        return ModelRow(answer, fault=str(error))


def _own_regions(view: View, request: ExplainRequest) -> tuple[NDArray[np.int32] | None, str]:
    """The reader's regions as the model's picture is framed, or why they do not fit it."""
    if request.regions is None:
        return None, ""
    try:
        return framed_regions(request.regions, request.subject.rgb, view), ""
    except InputError as error:
        return None, str(error)


def _begin(row: ModelRow, method: Method, request: ExplainRequest) -> None:
    classifier, context = row.answer.entry.classifier, row.context
    if classifier is None or context is None:
        return
    try:
        row.jobs[method.name] = _start(classifier, context, method, request, row.regions_fault)
    except InputError as error:
        row.faults[method.name] = str(error)
    except Exception:
        LOG.exception("%s of the model %s could not be begun", method.name, row.name)
        row.faults[method.name] = FAULT


def _start(
    classifier: Classifier, context: ImageContext, method: Method, request: ExplainRequest, regions_fault: str
) -> MapJob:
    settings = settings_for(request.settings, method, classifier.name)
    if regions_fault and getattr(settings, "superpixels", "") == OWN:
        raise InputError(regions_fault)
    wanted = checked_request(method.name, classifier, context, settings, request.seed, request.precision)
    return start_job(visit(), wanted, request.private)


def _read(row: ModelRow) -> None:
    for name, map_job in row.jobs.items():
        try:
            found = map_job.job.explanation()
        except Exception:
            LOG.exception("%s of the model %s could not be read", name, row.name)
            row.faults[name] = FAULT
            continue
        if found is not None:
            row.explanations[name] = found

"""A model's answer to an image together with its maps, as far as they have come: a row of the Explain page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.explanation import Explanation
from core.explanation.method import Method
from core.explanation.methods import METHODS
from core.explanation.scene import Scene
from core.preprocessing.given_mask import Mask, framed_mask
from core.preprocessing.parameters import CellParameters
from dashboard.answers import Answer, ask
from dashboard.jobs import Order, Ticket, request
from dashboard.method_settings import NO_SETTINGS, MethodSettings, settings_for
from dashboard.service import visit
from dashboard.slots import slot
from dashboard.subject import Subject

LOG = logging.getLogger(__name__)
PATIENCE = 10.0  # s that a page waits for maps of one pass; work that others asked for may be before them
FAULT = "These maps could not be computed; the server's log says why."


@dataclass(frozen=True)
class Asked:
    """What is to be explained, and how: all that decides the maps but the models.

    `mask` `(H, W) bool` is the reader's own mask of the cell on the subject's image.
    """

    subject: Subject
    framing: str
    parameters: CellParameters
    methods: tuple[str, ...]
    settings: MethodSettings = field(default_factory=lambda: NO_SETTINGS)
    seed: int = 0
    precision: str = "auto"
    mask: Mask | None = None

    @property
    def private(self) -> bool:
        """Whether what is found is this session's alone: an upload's is, and what rests on the reader's mask."""
        return not self.subject.simulated or self.mask is not None


@dataclass(frozen=True)
class Row:
    """One model's answer; by method its maps so far, the work behind them, or why there are none.

    `fault` is why there is nothing at all.
    """

    answer: Answer
    explanations: dict[str, Explanation] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    scene: Scene | None = None
    fault: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.answer.slot.name

    @property
    def title(self) -> str:
        """The model's title."""
        return self.answer.slot.title

    def fault_of(self, method: str) -> str:
        """Why there are no maps of a method, or no more of them; "" where all is well."""
        ticket = self.tickets.get(method)
        if ticket is not None and ticket.job.state == "failed":
            return ticket.job.fault or FAULT
        return self.fault or self.faults.get(method, "")


def explain_rows(names: Sequence[str], asked: Asked) -> list[Row]:
    """Ask each model and explain its answer; whatever goes wrong stays in its row.

    Maps of one pass are waited for; the others are begun, or looked after, and what they have come to is shown.
    """
    rows = [_row(ask(slot(name), asked.subject, asked.framing, asked.parameters), asked) for name in names]
    instant = [name for name in asked.methods if METHODS[name].instant]
    for methods in (instant, [name for name in asked.methods if name not in instant]):
        for row in rows:
            for name in methods:
                _begin(row, METHODS[name], asked)
    for row in rows:
        for name in instant:
            if name in row.tickets:
                row.tickets[name].job.wait(PATIENCE)
        _read(row)
    return rows


def going_on(rows: Sequence[Row]) -> list[Ticket]:
    """The work that is neither finished nor stopped."""
    return [ticket for row in rows for ticket in row.tickets.values() if ticket.going_on]


def _row(answer: Answer, asked: Asked) -> Row:
    if answer.slot.classifier is None or answer.view is None:
        return Row(answer, fault=answer.fault)
    try:
        mask = None if asked.mask is None else framed_mask(asked.mask, asked.subject.rgb, answer.view)
        here = visit()
        scene = here.service.scene(answer.view.rgb, mask=mask, owner=here.owner, private=asked.private)
        return Row(answer, scene=scene)
    except InputError as error:
        return Row(answer, fault=str(error))


def _begin(row: Row, method: Method, asked: Asked) -> None:
    classifier, scene = row.answer.slot.classifier, row.scene
    if classifier is None or scene is None:
        return
    try:
        row.tickets[method.name] = _ticket(classifier, scene, method, asked)
    except InputError as error:
        row.faults[method.name] = str(error)
    except Exception:
        LOG.exception("%s of the model %s could not be begun", method.name, row.name)
        row.faults[method.name] = FAULT


def _ticket(classifier: Classifier, scene: Scene, method: Method, asked: Asked) -> Ticket:
    settings = settings_for(asked.settings, method, classifier.name)
    order = Order(method, settings, asked.seed, asked.precision, asked.private)
    return request(visit(), classifier, scene, order)


def _read(row: Row) -> None:
    for name, ticket in row.tickets.items():
        try:
            found = ticket.job.explanation()
        except Exception:
            LOG.exception("%s of the model %s could not be read", name, row.name)
            row.faults[name] = FAULT
            continue
        if found is not None:
            row.explanations[name] = found

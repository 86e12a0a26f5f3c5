"""A session's hold on maps that are being computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.classifier import Classifier
from core.explanation.controls import Value, budget_of
from core.explanation.explanation import Explanation
from core.explanation.method import Method
from core.explanation.scene import Scene
from core.explanation.service import ExplanationJob
from dashboard.service import LEASE, Visit

GOING_ON, STOPPED = ("waiting", "running"), "stopped"
KEY_DIGITS = 24


@dataclass(frozen=True)
class Ticket:
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


@dataclass(frozen=True)
class Order:
    """How maps are to be made: settings that differ from the defaults, seed, precision, and for whom."""

    method: Method
    settings: dict[str, Value]
    seed: int
    precision: str
    private: bool


def request(visit: Visit, classifier: Classifier, scene: Scene, order: Order) -> Ticket:
    """Ask for maps, or look after those asked for before; what the reader stopped stays so until he goes on.

    InputError where a setting is wrong or the method does not fit.
    """
    job = visit.service.request(
        classifier,
        scene,
        order.method.name,
        order.settings,
        seed=order.seed,
        precision=order.precision,
        owner=visit.owner,
        private=order.private,
        lease=LEASE,
    )
    budget = budget_of(order.method.controls)
    rest = sorted((name, value) for name, value in order.settings.items() if budget is None or name != budget.name)
    facts = repr((classifier.identity, scene.digest, order.method.name, rest, order.seed, order.precision))
    return Ticket(hashlib.sha256(facts.encode()).hexdigest()[:KEY_DIGITS], order.method, job)

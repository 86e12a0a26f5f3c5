"""A method run anew with a small budget, where its map is only compared with another of the same budget."""

from __future__ import annotations

from core.explanation.controls import Settings, budget_of
from core.explanation.engine import explanation_of
from core.explanation.estimator import Estimator
from core.explanation.method import Family
from core.explanation.methods import method
from core.explanation.worth.measures import Map

MOST: dict[Family, int] = {"cam": 1, "masks": 128, "gradients": 16}  # gradients cost about seven evaluations each


def capped_settings(name: str, settings: Settings, spent: int | None = None) -> Settings:
    """The method's settings with its budget cut to MOST of its family, and to `spent` where fewer were."""
    kind = method(name)
    budget = budget_of(kind.controls)
    if budget is None:
        return dict(settings)
    wanted = kind.budget(settings)
    return {**settings, budget.name: max(int(budget.low), min(MOST[kind.family], wanted, spent or wanted))}


def map_of(name: str, estimator: Estimator, label: str) -> Map:
    """The estimator's map of one class so far, `(S, S)`."""
    return explanation_of(name, estimator, [label]).map_of(label)

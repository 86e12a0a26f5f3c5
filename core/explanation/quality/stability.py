"""How far a sampling method's map depends on the seed: the method run anew with a small budget, and compared with
others of the same budget alone."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from itertools import combinations

import numpy as np

from core.explanation.engine import checked_request, explanation_of, start_checked
from core.explanation.method import Estimator, Family, Method, MethodSettings
from core.explanation.methods.registry import METHODS
from core.explanation.quality.case import ScoringCase
from core.explanation.quality.control_maps import random_map
from core.explanation.quality.scores import SCORES, ScoreRow
from core.explanation.quality.similarity import Map, rank_correlation, ranks
from core.explanation.quality.wording import UNSEEDED, compared, stability_sentence

MOST: dict[Family, int] = {"cam": 1, "masks": 128, "gradients": 16}  # gradients cost about seven evaluations each
SEEDS = 3


def capped(kind: Method, settings: MethodSettings, spent: int | None = None) -> MethodSettings:
    """The method's settings with its budget cut to MOST of its family, and to `spent` where fewer were."""
    return settings.with_budget(min(MOST[kind.family], settings.budget, spent or settings.budget))


def map_of(estimator: Estimator, label: str) -> Map:
    """The estimator's map of one class so far, `(S, S)`."""
    return explanation_of(estimator, [label]).map_of(label)


def seeded_settings(case: ScoringCase) -> MethodSettings | None:
    """The settings of the short runs; None for a method that draws nothing."""
    kind = METHODS.get(case.explanation.method)
    if kind is None or kind.uncertainty != "standard error":
        return None
    return capped(kind, case.explanation.settings, case.explanation.evaluations)


def stability_row(case: ScoringCase) -> Generator[int, None, ScoreRow]:
    """Mean rank correlation between the maps of SEEDS seeds; yields evaluations by step.

    The first seed is the map's own. The controls: random maps of as many seeds; the other two never change.
    """
    others = control_stability(case)
    settings = seeded_settings(case)
    if settings is None:
        return ScoreRow("stability", None, others, UNSEEDED)
    if case.silence:
        return ScoreRow("stability", None, others, case.silence)
    probe, shown = case.probe, case.explanation
    first = checked_request(shown.method, probe.classifier, probe.context, settings, shown.seed or 0, shown.precision)
    maps: list[Map] = []
    spent = 0
    for number in range(SEEDS):
        estimator = start_checked(replace(first, seed=first.seed + number))
        while not estimator.done:
            before = estimator.evaluations
            estimator.advance()
            yield estimator.evaluations - before
        spent = estimator.evaluations
        maps.append(map_of(estimator, probe.label))
    value = mean_similarity(maps)
    if value is None:
        text = f"At {spent:,} evaluations the map of a seed is the same everywhere: there is nothing to compare."
        return ScoreRow("stability", None, others, text)
    text = stability_sentence(value, SEEDS, spent, case.explanation.evaluations)
    return ScoreRow("stability", value, others, f"{text} {compared(SCORES['stability'], value, others)}")


def control_stability(case: ScoringCase) -> dict[str, float | None]:
    """The same score of the controls: one that draws its map anew, and two that do not look at the model."""
    drawn = [random_map(case.probe.side, case.seed + number) for number in range(SEEDS)]
    return {of: mean_similarity(drawn) if of == "random" else 1.0 for of in case.controls}


def mean_similarity(maps: list[Map]) -> float | None:
    """Mean rank correlation of all pairs of maps; None where one of them is constant."""
    found = [rank_correlation(one, other) for one, other in combinations([ranks(each) for each in maps], 2)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if found and len(known) == len(found) else None

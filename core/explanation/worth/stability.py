"""How far a sampling method's map depends on the seed."""

from __future__ import annotations

from collections.abc import Generator
from itertools import combinations

import numpy as np

from core.explanation.controls import Settings
from core.explanation.engine import start
from core.explanation.methods import METHODS
from core.explanation.worth.capped import capped_settings, map_of
from core.explanation.worth.case import Case
from core.explanation.worth.control_maps import random_map
from core.explanation.worth.measures import Map, rank_correlation, ranks
from core.explanation.worth.scores import SCORES
from core.explanation.worth.sentences import UNSEEDED, compared, stability_sentence
from core.explanation.worth.worth import ScoreRow

SEEDS = 3


def seeded_settings(case: Case) -> Settings | None:
    """The settings of the short runs; None for a method that draws nothing."""
    kind = METHODS.get(case.explanation.method)
    if kind is None or kind.uncertainty != "standard error":
        return None
    return capped_settings(kind.name, case.explanation.settings, case.explanation.evaluations)


def stability_row(case: Case) -> Generator[int, None, ScoreRow]:
    """Mean rank correlation between the maps of SEEDS seeds; yields evaluations by step.

    The first seed is the map's own. The controls: random maps of as many seeds; the other two never change.
    """
    others = control_stability(case)
    settings = seeded_settings(case)
    if settings is None:
        return ScoreRow("stability", None, others, UNSEEDED)
    if case.silence:
        return ScoreRow("stability", None, others, case.silence)
    probe, precision = case.probe, case.explanation.precision
    maps: list[Map] = []
    spent = 0
    for number in range(SEEDS):
        seed = (case.explanation.seed or 0) + number
        estimator = start(case.explanation.method, probe.classifier, probe.scene, settings, seed, precision)
        while not estimator.done:
            before = estimator.evaluations
            estimator.advance()
            yield estimator.evaluations - before
        spent = estimator.evaluations
        maps.append(map_of(case.explanation.method, estimator, case.probe.label))
    value = mean_likeness(maps)
    if value is None:
        text = f"At {spent:,} evaluations the map of a seed is the same everywhere: there is nothing to compare."
        return ScoreRow("stability", None, others, text)
    text = stability_sentence(value, SEEDS, spent, case.explanation.evaluations)
    return ScoreRow("stability", value, others, f"{text} {compared(SCORES['stability'], value, others)}")


def control_stability(case: Case) -> dict[str, float | None]:
    """The same score of the controls: one that draws its map anew, and two that do not look at the model."""
    drawn = [random_map(case.probe.side, case.seed + number) for number in range(SEEDS)]
    return {of: mean_likeness(drawn) if of == "random" else 1.0 for of in case.controls}


def mean_likeness(maps: list[Map]) -> float | None:
    """Mean rank correlation of all pairs of maps; None where one of them is constant."""
    found = [rank_correlation(one, other) for one, other in combinations([ranks(each) for each in maps], 2)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if found and len(known) == len(found) else None

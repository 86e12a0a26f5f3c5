"""Rows of the scores that come from curves: deletion, insertion, ROAD."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from core.explanation.worth.case import Case
from core.explanation.worth.control_maps import random_map
from core.explanation.worth.curves import ROAD_SHARES, SHARES, Order, mask_curve, road_curve
from core.explanation.worth.order import ranks_pixels, relevance_order
from core.explanation.worth.scores import SCORES
from core.explanation.worth.sentences import compared, mask_sentence, road_sentence
from core.explanation.worth.worth import Curve, ScoreRow

KINDS: dict[str, tuple[str, ...]] = {
    "deletion": ("deletion",),
    "insertion": ("insertion",),
    "road": ("road-most", "road-least"),
}


def points(case: Case, name: str) -> int:
    """Evaluations that the score `name` takes."""
    ranked = sum(ranks_pixels(values) for values in case.maps.values()) if not case.silence else 0
    return int(ranked * len(KINDS[name]) * (ROAD_SHARES if name == "road" else SHARES).size)


def curve_row(case: Case, name: str, curves: list[Curve]) -> Generator[int, None, ScoreRow]:
    """Find the score `name` of the map and the controls; yields evaluations by step, adds the curves to `curves`.

    Signed maps are ordered as they are: evidence against the class is the least relevant.
    """
    if case.silence:
        return ScoreRow(name, None, dict.fromkeys(case.controls), case.silence)
    ties = random_map(case.probe.side, case.seed)
    values: dict[str, float | None] = {}
    for of, each in case.maps.items():
        found: list[Curve] = []
        if ranks_pixels(each):
            order = relevance_order(each, ties)
            for kind in KINDS[name]:
                yield from _curve(case, kind, of, order, found)
        values[of] = _value(name, found) if found else None
        curves += found
    value = values.pop("map")
    assert value is not None
    text = f"{_meaning(case, name, value, curves)} {compared(SCORES[name], value, values)}"
    return ScoreRow(name, value, values, text)


def _curve(case: Case, kind: str, of: str, order: Order, found: list[Curve]) -> Iterator[int]:
    if kind in ("deletion", "insertion"):
        return mask_curve(case.probe, kind, of, order, found)
    return road_curve(case.probe, kind, of, order, case.seed, found)


def _value(name: str, found: list[Curve]) -> float:
    if name != "road":
        return found[0].area
    most, least = found
    return float((least.probabilities - most.probabilities).mean())


def _meaning(case: Case, name: str, value: float, curves: list[Curve]) -> str:
    if name == "road":
        return road_sentence(value, case.probe.label)
    curve = next(curve for curve in curves if (curve.kind, curve.of) == (name, "map"))
    whole = float(curve.probabilities[0 if name == "deletion" else -1])
    return mask_sentence(name, value, case.probe.label, whole)

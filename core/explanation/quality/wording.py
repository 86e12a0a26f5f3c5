"""Scores in words: what a value means, and how it compares with maps that know nothing."""

from __future__ import annotations

from collections.abc import Mapping

from core.explanation.quality.control_maps import CONTROLS
from core.explanation.quality.scores import QualityScore

NO_EVIDENCE = "No positive evidence: the map has nothing to score."

FLAT = "The map is the same everywhere: it ranks no pixel before another."

NO_CELL = "No cell was found in the picture, and no mask was given: there is nothing to compare with."

NO_NUCLEUS = "No nucleus was found in the given cell."

UNSEEDED = "The map does not depend on a seed: it is the same every time."

FAINT = 0.05  # probability of the class under which there is next to nothing to delete


def compared(score: QualityScore, value: float, controls: Mapping[str, float | None]) -> str:
    """Say which controls the map is better than, and plainly where it is not."""
    given = {CONTROLS[name]: number for name, number in controls.items() if number is not None}
    if not given:
        return "There is no control map to compare with."
    if not score.better:
        return "For comparison: " + _listed([f"{name} {_figure(number)}" for name, number in given.items()]) + "."
    sign = 1 if score.better == "higher" else -1
    better = {name: number for name, number in given.items() if sign * (value - number) > score.margin}
    parts = []
    if better:
        parts.append("better than " + _named(better, "and"))
    if len(better) < len(given):
        parts.append("no better than " + _named({k: v for k, v in given.items() if k not in better}, "or"))
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def mask_sentence(kind: str, value: float, label: str, whole: float) -> str:
    """What a deletion or insertion area means; `whole` is the probability of the class for the whole picture."""
    change = "hidden" if kind == "deletion" else "uncovered"
    better = "lower" if kind == "deletion" else "higher"
    text = (
        f"The mean probability of {label} is {_figure(value)} while the pixels are {change}, the most relevant first "
        f"({better} is better)."
    )
    if whole < FAINT:
        text += f" The model gives it {_figure(whole)} for the whole picture, so that this says little."
    return text


def road_sentence(value: float, label: str) -> str:
    """What ROAD's difference means."""
    way = "higher" if value >= 0 else "lower"
    return (
        f"The probability of {label} is {_figure(abs(value))} {way} with the least relevant pixels painted over than "
        "with as many of the most relevant (higher is better)."
    )


def relevance_sentence(value: float, place: str, area: float, estimated: bool) -> str:
    """What a share of relevance means; `place` is "cell", "nucleus" or "background"."""
    start = f"{_percent(value)} of the positive evidence lies "
    if place == "background":
        return f"{start}outside the cell, as {_percent(area)} of the picture does ({_outline(estimated)})."
    return f"{start}in the {place}, {_area(area, estimated)}."


def pointing_sentence(value: float, place: str, area: float, estimated: bool) -> str:
    """What the pointing game's result means."""
    lies = {1.0: "lies in", 0.0: "lies outside"}.get(value, f"lies by {_percent(value)} in")
    return f"The map's maximum {lies} the {place}, {_area(area, estimated)}: a random point has that chance."


def sparseness_sentence(value: float) -> str:
    """What a Gini index means."""
    spread = "concentrated on few pixels" if value > 0.7 else "spread widely" if value < 0.4 else "fairly concentrated"
    return f"The evidence is {spread}: {_figure(value)}, where 0 is even and 1 is one pixel; neither is truer."


def stability_sentence(value: float, seeds: int, each: int, spent: int) -> str:
    """What the correlation between seeds means, and at how many evaluations it was measured."""
    text = f"Maps of {seeds} seeds have a mean rank correlation of {_figure(value)} at {each:,} evaluations each"
    if spent > each:
        text += f" (the map shown rests on {spent:,} and is steadier)"
    return text + "; a map that ignores the picture has 1."


def _area(area: float, estimated: bool) -> str:
    return f"which covers {_percent(area)} of the picture ({_outline(estimated)})"


def _outline(estimated: bool) -> str:
    return f"{'estimated' if estimated else 'given'} outline"


def _named(controls: Mapping[str, float], word: str) -> str:
    return _listed([f"{name} ({_figure(number)})" for name, number in controls.items()], word)


def _listed(parts: list[str], word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _figure(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"

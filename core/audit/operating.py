"""Where to put the thresholds, and what that costs: a probability per class for a wanted sensitivity, abstention, and
net benefit. Thresholds are chosen on a split of their own, or on one half of the images and judged on the other, so
that nothing is judged by what it was chosen on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audit.findings import AuditChart, AuditLine, AuditTable, Finding, Status, StepResult, estimated
from core.audit.steps import as_percent, with_ends
from core.audit.subject import AuditedModel, AuditedSet
from core.evaluation.intervals import undefined, wilson

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SEED = 2022
FEWEST = 10  # images of a class in a half, under which no threshold is chosen
DECISIONS = (0.05, 0.1, 0.2, 0.3, 0.5)  # threshold probabilities of the table
CURVE = 60  # points of a chart's line at most


@dataclass(frozen=True)
class Wanted:
    """What an operating point is chosen for: the `sensitivity` of each class, and the largest share of wrong answers
    (`risk`) among those that are given.
    """

    sensitivity: float = 0.95
    risk: float = 0.01


def chosen_half(labels: NDArray[np.int64], groups: Sequence[str] | None, seed: int = SEED) -> Flags:
    """Which images `(N,)` thresholds are chosen on: half of each class, or half of the slides where these are known."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    if groups is not None:
        names = np.unique(np.asarray(groups))
        half = random.permutation(names)[: len(names) // 2]
        return np.isin(np.asarray(groups), half)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        chosen[places[: len(places) // 2]] = True
    return chosen


@dataclass(frozen=True)
class ThresholdSides:
    """Probabilities `(N, K)` and labels that thresholds are chosen on, and those they are judged on; in words too."""

    chosen: Floats
    chosen_labels: NDArray[np.int64]
    judged: Floats
    judged_labels: NDArray[np.int64]
    choosing: str
    judging: str


def threshold_sides(model: AuditedModel, data: AuditedSet) -> ThresholdSides | None:
    """The model's answers to a split of its own beside those audited, else two halves of these; None for too few."""
    own, labels = model.probabilities, model.answers.labels
    if model.choosing is not None:
        other = model.choosing.probabilities(model.card.temperature)
        return ThresholdSides(
            other, model.choosing.labels, own, labels, "the images to choose on", "the audited images"
        )
    groups = [data.groups.get(image, "") for image in model.answers.images] if data.groups else None
    half = chosen_half(labels, groups)
    if not half.any() or half.all():
        return None
    what = "images" if groups is None else "slides"
    words = (f"one half of the {what}", f"the other half of the {what}")
    return ThresholdSides(own[half], labels[half], own[~half], labels[~half], *words)


def threshold_for(scores: Floats, positive: Flags, sensitivity: float) -> float:
    """The highest threshold at which at least `sensitivity` of the positives have a score of it or more."""
    ranked = np.sort(scores[positive])[::-1]
    return float(ranked[max(1, math.ceil(sensitivity * len(ranked) - 1e-9)) - 1])


def risk_coverage(sureness: Floats, right: Flags) -> tuple[Floats, Floats]:
    """Coverage and risk `(N,)` when the 1, 2, ... surest answers are given (El-Yaniv & Wiener 2010).

    Equally sure answers are given together: each gets the risk of the whole tie.
    """
    order = np.argsort(-sureness, kind="stable")
    wrong, given = np.cumsum(~right[order]), np.arange(1, len(order) + 1)
    last = np.searchsorted(-sureness[order], -sureness[order], side="right") - 1
    return given[last] / len(order), wrong[last] / given[last]


def net_benefit(probabilities: Floats, positive: Flags, threshold: float) -> float:
    """True positives less false ones, weighed by the odds of the threshold, per image (Vickers & Elkin 2006)."""
    called = probabilities >= threshold
    hits, alarms = (called & positive).sum(), (called & ~positive).sum()
    return float(hits - alarms * threshold / (1 - threshold)) / len(positive)


def operating_step(models: Sequence[AuditedModel], data: AuditedSet, wanted: Wanted) -> StepResult:
    """Thresholds for the wanted sensitivity, abstention for the wanted risk, and net benefit, model by model."""
    findings: list[Finding] = []
    tables: list[AuditTable] = []
    lines, measures = [], {}
    for model in models:
        sides = threshold_sides(model, data)
        if sides is None:
            continue
        rows = [_class_row(name, sides, place, wanted) for place, name in enumerate(model.answers.classes)]
        tables += [_threshold_table(model, rows, wanted, sides), _decision_table(model)]
        finding, coverage = _abstention(model, sides, wanted)
        findings.append(finding)
        measures[model.name] = {"coverage": coverage}
        lines.append(_risk_line(model))
    if not findings:
        words = "There are too few images to choose a threshold on one half and judge it on the other."
        findings = [Finding(step="operating", key="none", title="Operating point", status="not run", sentence=words)]
    chart = AuditChart(title="Wrong answers among those given", x_title="share of images answered",
                       y_title="share of wrong answers", lines=tuple(lines),
                       note="The surest answers first, over all images.")  # fmt: skip
    charts = (chart,) if lines else ()
    return StepResult(
        step="operating", findings=tuple(findings), tables=tuple(tables), charts=charts, measures=measures
    )


def _class_row(name: str, sides: ThresholdSides, place: int, wanted: Wanted) -> tuple[str, ...]:
    """A class's threshold, and what it reaches where it is judged."""
    positive, own = sides.chosen_labels == place, sides.judged_labels == place
    if min(int(positive.sum()), int(own.sum())) < FEWEST:
        return (name, "too few images", "–", "–")
    limit = threshold_for(sides.chosen[:, place], positive, wanted.sensitivity)
    called = sides.judged[:, place] >= limit
    found = wilson(int((called & own).sum()), int(own.sum()))
    spared = wilson(int((~called & ~own).sum()), int((~own).sum()))
    return (name, f"{limit:.3f}", with_ends(found), with_ends(spared))


def _threshold_table(
    model: AuditedModel, rows: Sequence[tuple[str, ...]], wanted: Wanted, sides: ThresholdSides
) -> AuditTable:
    return AuditTable(
        title=f"{model.name}: thresholds for a sensitivity of {as_percent(wanted.sensitivity)}",
        heads=("class", "probability from", "sensitivity", "specificity"),
        rows=tuple(rows),
        note=f"Each class against the rest. Chosen on {sides.choosing}, judged on {sides.judging}.",
    )


def _decision_table(model: AuditedModel) -> AuditTable:
    """Net benefit of acting on the model, per 100 images, less that of the better of acting on all and on none."""
    rows = []
    for place, name in enumerate(model.answers.classes):
        positive = model.answers.labels == place
        cells = []
        for threshold in DECISIONS:
            acting = net_benefit(model.probabilities[:, place], positive, threshold)
            everyone = net_benefit(np.ones(len(positive)), positive, threshold)
            cells.append(f"{100 * (acting - max(everyone, 0.0)):+.1f}")
        rows.append((name, *cells))
    return AuditTable(
        title=f"{model.name}: net benefit",
        heads=("class", *(f"from {as_percent(threshold)}" for threshold in DECISIONS)),
        rows=tuple(rows),
        note="True findings per 100 images, less false ones weighed by the odds of the threshold, beyond the better of "
        "acting on every image and on none (Vickers & Elkin 2006). Above 0, the model is worth asking.",
    )


def _abstention(model: AuditedModel, sides: ThresholdSides, wanted: Wanted) -> tuple[Finding, float]:
    """How many answers can be given at the wanted risk, and whether the risk holds where it is judged."""
    sureness, right = sides.judged.max(axis=1), sides.judged.argmax(axis=1) == sides.judged_labels
    known = sides.chosen.max(axis=1)
    coverage, risk = risk_coverage(known, sides.chosen.argmax(axis=1) == sides.chosen_labels)
    kept = coverage[risk <= wanted.risk]
    title, facts = "Leaving the unsure ones", {"step": "operating", "key": "abstention", "model": model.name}
    if not len(kept):
        words = f"Even its surest answers are wrong more often than {as_percent(wanted.risk)}."
        return estimated(undefined(len(right)), title=title, status="failed", sentence=words, **facts), 0.0
    ranked = np.sort(known)[::-1]
    limit = float(ranked[round(kept.max() * len(ranked)) - 1])
    given = sureness >= limit
    share = wilson(int(given.sum()), len(given))
    wrong = wilson(int((~right & given).sum()), int(given.sum()))
    holds = wrong.low is None or wrong.low <= wanted.risk
    told = f"Answers of {as_percent(limit)} and more were wrong in at most {as_percent(wanted.risk)} on "
    told += f"{sides.choosing}; on {sides.judging} {as_percent(share.value)} of the images get one, and "
    told += f"{with_ends(wrong)} of these are wrong."
    condition = f"the interval of wrong answers reaches down to {as_percent(wanted.risk)}"
    status: Status = "passed" if holds else "failed"
    return estimated(share, title=title, status=status, sentence=told, condition=condition, **facts), share.value or 0.0


def _risk_line(model: AuditedModel) -> AuditLine:
    coverage, risk = risk_coverage(model.probabilities.max(axis=1), model.right)
    places = np.unique(np.linspace(0, len(coverage) - 1, CURVE).round().astype(int))
    return AuditLine(name=model.name, x=tuple(coverage[places].tolist()), y=tuple(risk[places].tolist()))

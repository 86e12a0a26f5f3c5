"""Steps that look for what makes good figures worth little: answers that are surer than right, pictures whose frame
tells the class, and things that are no cell of ours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from core.audit.findings import AuditChart, AuditLine, AuditTable, Finding, StepResult, estimated
from core.audit.statistics import adaptive_error, brier_score, classwise_error, log_loss, reliability
from core.audit.steps import as_percent
from core.audit.subject import FACTS, AuditedModel, AuditedSet
from core.evaluation.intervals import delong, wilson
from core.evaluation.metrics import fit_temperature

VERY_SURE = 0.9  # an answer that a user would believe
SHORTCUT = 0.9  # AUC from which the frame alone tells a class too well
FEWEST = 10  # images of a class for a probe
FOLDS = 5
PROBES = {"border colour": FACTS, "file size": ("bytes",), "picture size": ("width", "height"), "focus": ("sharpness",)}


def calibration_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """How sure the answers are beside how often they are right; the temperature is the card's, fitted elsewhere."""
    findings, rows, measures, lines, temperatures = [], [], {}, [], []
    for model in models:
        probabilities, labels = model.probabilities, model.answers.labels
        scaled = model.answers.logits / model.card.temperature
        confidence, right = probabilities.max(axis=1), model.right
        error = reliability(probabilities, labels).ece or 0.0
        found = {"ece": error, "brier": brier_score(probabilities, labels), "log_loss": log_loss(scaled, labels)}
        adaptive, classwise = adaptive_error(confidence, right), classwise_error(probabilities, labels)
        rows.append(
            (model.name, *(f"{value:.3f}" for value in (error, adaptive, classwise, found["brier"], found["log_loss"])))
        )
        findings.append(_sureness(model, confidence, right, error))
        measures[model.name] = found
        lines.append(_reliability_line(model))
        temperatures += _temperature_rows(model)
    heads = ("model", "ECE", "adaptive ECE", "classwise ECE", "Brier score", "log loss")
    note = (
        "ECE: 15 bins of equal width (Guo et al. 2017), of equally many answers (Nixon et al. 2019), by class (Kull et "
        "al. 2019)."
    )
    table = AuditTable(title="Calibration", heads=heads, rows=tuple(rows), note=note)
    words = "Before: logits as they are. The card's temperature was fitted on its validation images (Guo et al. 2017); "
    words += "one that is fitted anew rests on the images to choose on, never on those that are audited."
    scaled_table = AuditTable(title="Calibration before and after", rows=tuple(temperatures), note=words,
                              heads=("model", "temperature", "of", "ECE", "log loss"))  # fmt: skip
    told = "Bins of ten answers and more. Above the diagonal a model is less sure than right."
    chart = AuditChart(title="Reliability", x_title="how sure", y_title="how often right", lines=tuple(lines),
                       diagonal=True, note=told)  # fmt: skip
    tables = (table, scaled_table)
    return StepResult(step="calibration", findings=tuple(findings), tables=tables, charts=(chart,), measures=measures)


def _temperature_rows(model: AuditedModel) -> list[tuple[str, ...]]:
    """Calibration at temperature 1, at the card's, and at one fitted anew where there are images to choose on."""
    known = {"before": 1.0, "the card": model.card.temperature}
    if model.choosing is not None and len(model.choosing.labels):
        known["the images to choose on"] = fit_temperature(model.choosing.logits, model.choosing.labels)
    rows: list[tuple[str, ...]] = []
    labels = model.answers.labels
    for name, temperature in known.items():
        error = reliability(model.answers.probabilities(temperature), labels).ece or 0.0
        loss = log_loss(model.answers.logits / temperature, labels)
        rows.append((model.name, f"{temperature:.2f}", name, f"{error:.3f}", f"{loss:.3f}"))
    return rows


def _reliability_line(model: AuditedModel) -> AuditLine:
    """Confidence and accuracy of each bin that holds enough answers."""
    bins = [one for one in reliability(model.probabilities, model.answers.labels).bins if one.images >= FEWEST]
    x, y = tuple(one.confidence or 0.0 for one in bins), tuple(one.accuracy or 0.0 for one in bins)
    return AuditLine(name=model.name, x=x, y=y)


def _sureness(model: AuditedModel, confidence: NDArray[np.float64], right: NDArray[np.bool_], error: float) -> Finding:
    sure, share = float(confidence.mean()), float(right.mean())
    interval = wilson(int(right.sum()), len(right))
    over = interval.high is not None and sure > interval.high
    under = interval.low is not None and sure < interval.low
    told = "surer than right" if over else "less sure than right" if under else "as sure as right"
    return Finding(
        step="calibration",
        key="confidence",
        title="Confidence",
        status="failed" if over else "passed",
        model=model.name,
        sentence=f"On average {as_percent(sure)} sure, and {as_percent(share)} right: {told}. "
        f"Calibration error {error:.3f}.",
        figure=error,
        condition="the mean confidence does not exceed the accuracy's interval",
    )


def shortcut_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """How well the frame of a picture alone tells each class: colour of the border, sizes, focus."""
    if data.pictures is None or len(data.pictures) < 2 * FEWEST:
        words = "The pictures are not at hand, or too few, so that their frames were not looked at."
        nothing = Finding(step="shortcuts", key="none", title="Shortcuts", status="not run", sentence=words)
        return StepResult(step="shortcuts", findings=(nothing,))
    pictures = data.pictures
    groups = pictures["group"].to_numpy() if data.groups else None
    findings, rows, worst = [], [], 0.0
    for label, count in pictures["label"].value_counts().sort_index().items():
        if count < FEWEST or len(pictures) - count < FEWEST:
            continue
        positive = (pictures["label"] == label).to_numpy()
        areas = {probe: told_by(pictures[list(columns)], positive, groups) for probe, columns in PROBES.items()}
        rows.append((str(label), *("–" if area is None else f"{area:.3f}" for area in areas.values())))
        best = max(
            (probe for probe in areas if areas[probe] is not None), key=lambda probe: areas[probe] or 0, default=""
        )
        if best:
            worst = max(worst, areas[best] or 0.0)
            findings.append(_shortcut(str(label), best, areas[best] or 0.0, groups is not None))
    note = "AUC of a logistic regression on these facts alone, on pictures that it was not fitted to"
    table = AuditTable(
        title="What the frame alone tells",
        heads=("class", *PROBES),
        rows=tuple(rows),
        note=f"{note}{', slides kept apart' if groups is not None else ''}. 0.5 is chance.",
    )
    return StepResult(
        step="shortcuts", findings=tuple(findings), tables=(table,), measures={"": {"shortcut_auc": worst}}
    )


def told_by(facts: pd.DataFrame, positive: NDArray[np.bool_], groups: NDArray[np.object_] | None) -> float | None:
    """The AUC of telling `positive` by `facts`, cross-validated (by slide where `groups` are known): the mean over the
    folds, each weighed by its images of the class.

    None where no fold has both kinds on both of its sides.
    """
    values = facts.to_numpy(dtype=np.float64)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    areas, weights = [], []
    for train, test in _folds(positive, groups):
        if len(set(positive[train])) < 2 or len(set(positive[test])) < 2:
            continue
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(values[train], positive[train])
        area = delong(fitted.decision_function(values[test]), positive[test])
        areas.append(0.5 if area is None else area.value)
        weights.append(int(positive[test].sum()))
    return float(np.average(areas, weights=weights)) if areas else None


def _folds(
    positive: NDArray[np.bool_], groups: NDArray[np.object_] | None
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    empty = np.zeros((len(positive), 1))
    if groups is not None and len(set(groups)) >= FOLDS:
        return list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(empty, positive, groups))
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(empty, positive))


def _shortcut(label: str, probe: str, area: float, grouped: bool) -> Finding:
    told = f"The {probe} alone tells {label} from the rest with an AUC of {area:.3f}: a model may name it without "
    told += "looking at the cell."
    if area < SHORTCUT:
        told = (
            f"Nothing that was tried in the frame tells {label} from the rest; the {probe} does most, with an AUC of "
        )
        told += f"{area:.3f}."
    return Finding(
        step="shortcuts",
        key=label,
        title=f"{label}: told by its frame?",
        status="failed" if area >= SHORTCUT else "passed",
        sentence=told + (" Slides were kept apart." if grouped else ""),
        figure=area,
        condition=f"AUC under {SHORTCUT}",
    )


def unfamiliar_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """How many of these cells are called unfamiliar, and how well other things are told from them by three scores."""
    findings, rows, measures = [], [], {}
    for model in models:
        threshold = model.card.novelty.threshold if model.card.novelty else None
        if threshold is None or not len(model.novelty):
            continue
        share = float((model.novelty > threshold).mean())
        measures[model.name] = {"unfamiliar": share}
        told = f"{as_percent(share)} of these cells are called unfamiliar."
        findings.append(Finding(step="unfamiliar", key="share", title="Unfamiliar cells", status="information",
                                model=model.name, sentence=told, figure=share))  # fmt: skip
        if len(model.other_logits):
            findings.append(_other_things(model, threshold))
            rows.append((model.name, *(f"{area:.3f}" for area in other_things(model))))
    if not findings:
        words = "No model here has a measure of how unfamiliar a picture is, or its distances were not kept."
        findings = [Finding(step="unfamiliar", key="none", title="Unfamiliar cells", status="not run", sentence=words)]
    heads = ("model", "highest probability", "energy", "distance in feature space")
    note = "AUC of telling other things from these cells (0.5 is chance). Energy: Liu et al. 2020."
    table = AuditTable(title="Which score catches other things", heads=heads, rows=tuple(rows), note=note)
    tables = (table,) if rows else ()
    return StepResult(step="unfamiliar", findings=tuple(findings), tables=tables, measures=measures)


def _other_things(model: AuditedModel, threshold: float) -> Finding:
    """How many of the other things get a sure answer, and how many are called unfamiliar."""
    sure = wilson(int((_confidence(model) > VERY_SURE).sum()), len(model.other_logits))
    caught = float((model.other_novelty > threshold).mean())
    told = f"Of {sure.of:,} other things {as_percent(sure.value)} get an answer of over {100 * VERY_SURE:.0f} % "
    told += f"({as_percent(sure.low)} to {as_percent(sure.high)}); {as_percent(caught)} are called unfamiliar."
    return estimated(sure, step="unfamiliar", key="others", title="Other things", status="information",
                     model=model.name, sentence=told)  # fmt: skip


def _confidence(model: AuditedModel) -> NDArray[np.float64]:
    scaled = model.other_logits / model.card.temperature
    return np.asarray(np.exp(scaled.max(axis=1) - logsumexp(scaled, axis=1)))


def other_things(model: AuditedModel) -> tuple[float, float, float]:
    """AUCs of telling other things from the set's cells: by lack of confidence, by energy, by distance."""
    other = np.repeat([False, True], [len(model.answers.logits), len(model.other_logits)])
    confidence = np.concatenate([model.probabilities.max(axis=1), _confidence(model)])
    energy = -np.concatenate([logsumexp(model.answers.logits, axis=1), logsumexp(model.other_logits, axis=1)])
    distance = np.concatenate([model.novelty, model.other_novelty])
    areas = (delong(-confidence, other), delong(energy, other), delong(distance, other))
    return tuple(0.5 if area is None else area.value for area in areas)  # type: ignore[return-value]

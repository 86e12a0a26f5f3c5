"""The first steps of an audit: what the models are for, what the data are, what the models reach."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.discrimination import beyond_chance, confusion_of, told_apart
from core.audit.findings import AuditChart, AuditTable, Finding, Status, StepResult, estimated
from core.audit.leaks import leak_finding, leak_tables
from core.audit.statistics import clustered_interval, detectable_difference
from core.audit.subject import AuditedModel, AuditedSet
from core.evaluation.intervals import Estimate, wilson
from core.evaluation.metrics import FEWEST, Rates, class_means, class_rates

LISTED = 12
SURE = 0.95  # from which a wrong answer makes one doubt the label
POWER_NOTE = "smallest difference that so many images can tell with a power of 80 %"


def as_percent(value: float | None) -> str:
    """A share as a percentage; a dash for none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def use_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """What each model's card says it is for, and what it warns of; the auditor completes it."""
    findings = []
    for model in models:
        trained = model.card.training.data if model.card.training else "its card does not say on what"
        limits = " ".join(line if line.endswith(".") else f"{line}." for line in model.card.limits)
        findings.append(
            Finding(
                step="use",
                key="card",
                title="What the card says",
                status="information",
                model=model.name,
                sentence=f"Trained on {trained}. {limits or 'The card names no limits.'}",
            )
        )
    return StepResult(step="use", findings=tuple(findings))


def data_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """Counts, unreadable files, pictures that stand twice and those that do so under two classes, sizes, sharpness."""
    labels = pd.Series([models[0].answers.classes[label] for label in models[0].answers.labels])
    counts = labels.value_counts()
    rows = tuple((str(name), f"{count:,}", as_percent(count / len(labels))) for name, count in counts.items())
    tables = [AuditTable(title="Images of each class", heads=("class", "images", "share"), rows=rows)]
    least, most = str(counts.index[-1]), str(counts.index[0])
    told = f"{len(labels):,} images; the rarest class is {least} ({counts.iloc[-1]:,}), the commonest {most} "
    findings = [_about("balance", "Class balance", f"{told}({counts.iloc[0]:,}).")]
    if data.pictures is None:
        none = "Only the answers are at hand, not the pictures: copies, focus and colour were not looked at."
        return StepResult(step="data", findings=(*findings, _about("pictures", "Pictures", none, "not run")),
                          tables=tuple(tables))  # fmt: skip
    findings += [_unreadable(data), *_copies(data.pictures), leak_finding(models, data), _sizes(data.pictures)]
    tables += [*leak_tables(data), _picture_table(data.pictures)]
    return StepResult(step="data", findings=tuple(findings), tables=tuple(tables))


def _about(key: str, title: str, sentence: str, status: Status = "information", step: str = "data") -> Finding:
    return Finding(step=step, key=key, title=title, sentence=sentence, status=status)


def _unreadable(data: AuditedSet) -> Finding:
    count = len(data.unreadable)
    if not count:
        return _about("unreadable", "Unreadable files", "Every file could be read.", "passed")
    first = "; ".join(f"{name}: {reason}" for name, reason in data.unreadable[:3])
    return _about("unreadable", "Unreadable files", f"{count:,} files could not be read. First: {first}", "failed")


def _copies(pictures: pd.DataFrame) -> list[Finding]:
    """Files of the same bytes: within a class they count an image twice, across classes one label is wrong."""
    by_digest = pictures.groupby("sha256")
    several = by_digest.filter(lambda rows: len(rows) > 1)
    crossing = by_digest.filter(lambda rows: rows["label"].nunique() > 1)
    found = []
    if several.empty:
        found.append(_about("copies", "Copies", "No two files hold the same bytes.", "passed"))
    else:
        told = f"{len(several):,} files share their bytes with another one: they count more than once."
        found.append(_about("copies", "Copies", told, "failed"))
    if not crossing.empty:
        names = ", ".join(crossing["image"].head(LISTED))
        told = f"{len(crossing):,} files stand under two classes: one of the labels is wrong. {names}"
        found.append(_about("two-labels", "One picture under two classes", told, "failed"))
    return found


def _sizes(pictures: pd.DataFrame) -> Finding:
    sizes = pictures.groupby(["width", "height"]).size().sort_values(ascending=False)
    width, height = sizes.index[0]
    common = f"{width} × {height} px"
    told = f"{len(sizes)} sizes; the commonest is {common} ({sizes.iloc[0]:,} of {len(pictures):,})."
    told = told if len(sizes) > 1 else f"All pictures have {common}."
    return _about("sizes", "Sizes", told)


def _picture_table(pictures: pd.DataFrame) -> AuditTable:
    """Medians by class: a class whose pictures are sharper or of another colour may be told by that."""
    medians = pictures.groupby("label")[["sharpness", "red", "green", "blue", "bytes"]].median()
    rows = tuple(
        (
            str(name),
            *(f"{row[key]:.0f}" for key in ("sharpness", "red", "green", "blue")),
            f"{row['bytes'] / 1000:.1f} kB",
        )
        for name, row in medians.iterrows()
    )
    heads = ("class", "sharpness", "red", "green", "blue", "file")
    note = "Medians. Sharpness: variance of the Laplacian. Colours: mean of the outermost 10 px, 0 to 255."
    return AuditTable(title="Pictures of each class", heads=heads, rows=rows, note=note)


def performance_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """Accuracy and recall with intervals, the weakest class and what it is taken for, how well each class is told from
    the rest, agreement beyond chance, and what the size can tell."""
    findings: list[Finding] = []
    tables: list[AuditTable] = []
    charts: list[AuditChart] = []
    measures = {}
    for model in models:
        counts = confusion_of(model)
        own, measures[model.name] = _reached(model, data, counts)
        agreement = beyond_chance(model, data)
        findings += [*own, *([agreement] if agreement else [])]
        tables.append(_class_table(model, class_rates(counts, model.answers.classes), counts))
        if len(suspects := _suspects(model)):
            findings.append(_suspected(model, suspects))
            tables.append(_suspect_table(model, suspects))
        lines, areas = told_apart(model)
        charts += lines
        tables += [areas] if areas.rows else []
    return StepResult(step="performance", findings=tuple(findings), tables=tuple(tables), charts=tuple(charts),
                      measures=measures)  # fmt: skip


def _reached(
    model: AuditedModel, data: AuditedSet, counts: NDArray[np.int64]
) -> tuple[list[Finding], dict[str, float]]:
    """Accuracy, mean recall and the weakest class, with the figures that conditions may be about."""
    means, rates = class_means(counts), class_rates(counts, model.answers.classes)
    accuracy, recall, how = wilson(int(counts.trace()), int(counts.sum())), means.sensitivity, ""
    groups = [data.groups.get(image, "") for image in model.answers.images]
    if data.groups and len(set(groups)) > 1:
        how = f", by drawing {len(set(groups))} slides anew"
        accuracy = clustered_interval(groups, partial(_share, model.right))
        recall = clustered_interval(groups, partial(_mean_recall, model, counts.sum(axis=1) >= FEWEST))
    there = [rate for rate in rates if rate.images and not rate.few]
    findings = [_accuracy(model, accuracy, how)]
    measured = {"accuracy": accuracy.value or 0.0}
    if recall.value is not None:
        findings.append(_recall(model, recall, means.classes, how))
        measured["mean_recall"] = recall.value
    if there:
        weakest = min(there, key=lambda rate: rate.sensitivity.value or 0.0)
        findings.append(_weakest(model, weakest.name, counts))
        measured["lowest_recall"] = weakest.sensitivity.value or 0.0
    return findings, measured


def _mean_recall(model: AuditedModel, enough: NDArray[np.bool_], places: NDArray[np.int64]) -> float:
    """The mean recall of the classes that have `enough` images, as far as the images at `places` hold them."""
    counts = confusion_of(model, places)[enough]
    right, images = counts[:, enough].diagonal(), counts.sum(axis=1)
    return float((right[images > 0] / images[images > 0]).mean()) if images.any() else float("nan")


def _recall(model: AuditedModel, recall: Estimate, classes: int, how: str) -> Finding:
    ends = f" ({as_percent(recall.low)} to {as_percent(recall.high)}{how})" if recall.low != recall.high else ""
    sentence = f"On average {as_percent(recall.value)} of a class are found{ends}, each of {classes} classes of "
    sentence += f"{FEWEST} images and more weighing alike."
    return estimated(recall, step="performance", key="mean_recall", title="Mean recall", status="information",
                     model=model.name, sentence=sentence)  # fmt: skip


def _share(right: NDArray[np.bool_], places: NDArray[np.int64]) -> float:
    return float(right[places].mean()) if len(places) else float("nan")


def _accuracy(model: AuditedModel, accuracy: Estimate, how: str) -> Finding:
    limit = detectable_difference(accuracy.of, accuracy.value or 0.0)
    ends = f"{as_percent(accuracy.low)} to {as_percent(accuracy.high)}{how}"
    return estimated(
        accuracy,
        step="performance",
        key="accuracy",
        title="Accuracy",
        status="information",
        model=model.name,
        sentence=f"{as_percent(accuracy.value)} of {accuracy.of:,} images are named right ({ends}); "
        f"the {POWER_NOTE} is {100 * limit:.1f} points.",
    )


def _weakest(model: AuditedModel, name: str, counts: NDArray[np.int64]) -> Finding:
    classes = model.answers.classes
    row = counts[classes.index(name)]
    right, total = int(row[classes.index(name)]), int(row.sum())
    others = [(classes[k], int(count)) for k, count in enumerate(row) if count and classes[k] != name]
    taken = ", ".join(f"{count} called {other}" for other, count in sorted(others, key=lambda pair: -pair[1])[:3])
    return estimated(
        wilson(right, total),
        step="performance",
        key="weakest",
        title="Weakest class",
        status="information",
        model=model.name,
        sentence=f"{name}: {right} of {total} are found{f'; {taken}' if taken else ''}.",
    )


def _suspects(model: AuditedModel) -> NDArray[np.int64]:
    """Places of the images that are surely named otherwise than they are labelled, the surest first."""
    sureness = model.probabilities.max(axis=1)
    places = np.flatnonzero(~model.right & (sureness >= SURE))
    return places[np.argsort(-sureness[places], kind="stable")]


def _suspected(model: AuditedModel, places: NDArray[np.int64]) -> Finding:
    """A wrong answer that is sure is the model's worst, or the label's fault (Northcutt et al. 2021)."""
    own = wilson(len(places), len(model.answers.labels))
    several = "images are" if len(places) > 1 else "image is"
    sentence = f"{len(places)} {several} named otherwise than labelled with {as_percent(SURE)} and more, "
    sentence += (
        f"{with_ends(own)} of all: either the model is surely wrong there, or the label is. Look at them one by one."
    )
    return estimated(own, step="performance", key="suspects", title="Surely against the label", status="information",
                     model=model.name, sentence=sentence)  # fmt: skip


def _suspect_table(model: AuditedModel, places: NDArray[np.int64]) -> AuditTable:
    classes, sureness = model.answers.classes, model.probabilities.max(axis=1)
    rows = tuple(
        (
            model.answers.images[place],
            classes[model.answers.labels[place]],
            classes[model.answers.predicted[place]],
            as_percent(float(sureness[place])),
        )
        for place in places[:LISTED]
    )
    note = f"The surest {len(rows)} of {len(places)}."
    title = f"{model.name}: surely against the label"
    return AuditTable(title=title, heads=("image", "labelled", "named", "how sure"), rows=rows, note=note)


def _class_table(model: AuditedModel, rates: Sequence[Rates], counts: NDArray[np.int64]) -> AuditTable:
    classes = model.answers.classes
    rows = [
        (
            classes[number],
            f"{int(counts[number].sum()):,}",
            with_ends(rate.sensitivity),
            with_ends(rate.precision),
            *(str(int(count)) for count in counts[number]),
        )
        for number, rate in enumerate(rates)
    ]
    heads = ("true class", "images", "recall", "precision", *(f"called {name}" for name in classes))
    return AuditTable(title=f"{model.name}: class by class", heads=heads, rows=tuple(rows))


def with_ends(found: Estimate) -> str:
    """A share with its interval; a dash where there is none."""
    if found.low is None or found.high is None:
        return as_percent(found.value)
    return f"{as_percent(found.value)} ({as_percent(found.low)} to {as_percent(found.high)})"

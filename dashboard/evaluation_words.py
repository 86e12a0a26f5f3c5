"""Figures of an evaluation as texts and cells of tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from core.evaluation.estimate import Estimate
from core.reproduction.markdown import minutes
from dashboard.words import NO_BREAK

NONE = "–"
TERMS = {
    "accuracy": ("Accuracy", "The share of all images that are named right."),
    "sensitivity": (
        "Sensitivity",
        "Of the cells of a class, the share that is named so: TP / (TP + FN). Also: recall.",
    ),
    "precision": ("Precision", "Of the cells named so, the share that is of the class: TP / (TP + FP)."),
    "f1": ("F1", "The harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN)."),
    "specificity": ("Specificity", "Of the cells of other classes, the share that is not named so: TN / (TN + FP)."),
    "auc": (
        "AUC",
        "The area under the ROC curve, this class against the rest: how often a cell of the class gets a higher "
        "probability than one of another. 1 is perfect, 0.5 is chance.",
    ),
    "ece": (
        "Calibration error",
        "How far stated confidence and the share that is right lie apart, over 15 bins (ECE, Guo et al. 2017). "
        "0 is perfect.",
    ),
}
INTERVALS = (
    "Small figures are 95 % confidence intervals: Wilson's for shares (1927), the same carried over for F1 "
    "(Lam et al. 2023), DeLong's for AUC (1988, on the logit scale; Newcombe's where no answer is out of order), a "
    "bootstrap of the images for means (2,000 seeded draws). They tell the chance in choosing these images, not what "
    "another stain, camera or training seed would do."
)


def share(value: float | None, digits: int = 1) -> str:
    """A share, 0-1, as a percentage; a dash where there is none. Never rounded up to 100 or down to 0."""
    if value is None:
        return NONE
    text = f"{100 * value:.{digits}f}"
    edge = 10.0**-digits
    if float(text) == 100 and value < 1:
        return f">{NO_BREAK}{100 - edge:.{digits}f}{NO_BREAK}%"
    if float(text) == 0 and value > 0:
        return f"<{NO_BREAK}{edge:.{digits}f}{NO_BREAK}%"
    return f"{text}{NO_BREAK}%"


def decimal(value: float | None, digits: int = 3) -> str:
    """A figure from 0 to 1 as it is; a dash where there is none."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return f">{NO_BREAK}{1 - 10.0**-digits:.{digits}f}" if float(text) == 1 and value < 1 else text


def interval(estimate: Estimate, kind: str = "") -> str:
    """The ends of an interval, without units; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    if kind == "auc":
        return f"{estimate.low:.4f}–{estimate.high:.4f}"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"


def lasted(seconds: float) -> str:
    """How long a training took: in seconds up to 90, then in minutes, then in hours."""
    return f"{seconds:.0f}{NO_BREAK}s" if seconds < 90 else minutes(seconds).replace(" ", NO_BREAK)


def cell(estimate: Estimate, kind: str = "") -> str:
    """A table's cell: the figure, and below it its interval."""
    value = decimal(estimate.value, 4) if kind == "auc" else share(estimate.value)
    return f"{value}<small>{interval(estimate, kind)}</small>"


def head(kind: str, mean: bool = False) -> str:
    """A column's head with its meaning to hover."""
    title, meaning = TERMS[kind]
    text = f"Mean {title if title.isupper() or kind == 'f1' else title.lower()}" if mean else title
    return f'<th scope="col" title="{escape(meaning)}">{escape(text)}</th>'


def table(label: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """A table in a scroller of its own; `heads` and `rows` are HTML."""
    return (
        f'<div class="ll-wide" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="ll-figures"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def glossary() -> str:
    """Every term with its meaning, as Markdown."""
    return "\n".join([f"- **{title}**: {meaning}" for title, meaning in TERMS.values()] + ["", INTERVALS])

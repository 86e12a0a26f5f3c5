"""How well a model's probabilities tell each class from the rest, and how far it agrees with the labels beyond chance:
what an audit shows beside the shares of right answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.audit.findings import AuditChart, AuditLine, AuditTable, Finding, estimated
from core.audit.statistics import clustered_interval
from core.audit.subject import AuditedModel, AuditedSet
from core.evaluation.agreement import cohens_kappa, kappa_value
from core.evaluation.curves import precision_recall, thinned
from core.evaluation.intervals import Estimate, roc
from core.evaluation.metrics import confusion_matrix, log_odds

MOST_POINTS = 60  # of a line of a report
AREAS_NOTE = (
    "A class against the rest. AUC: DeLong's interval (Newcombe's where no answer is out of order). Average precision: "
    "interval on the logit scale (Boyd et al. 2013), none where it is nearly 1; chance is the class's share of the "
    "images. Images are taken for independent of each other."
)


def told_apart(model: AuditedModel) -> tuple[tuple[AuditChart, ...], AuditTable]:
    """ROC and precision-recall charts of a model, a line a class, and the areas under them with intervals.

    Classes that the data do not hold, or hold alone, are left out.
    """
    answers, rows = model.answers, []
    rocs: list[AuditLine] = []
    recalls: list[AuditLine] = []
    scaled = answers.logits / model.card.temperature
    for number, name in enumerate(answers.classes):
        scores, positive = log_odds(scaled, number), answers.labels == number
        curve, area = roc(name, scores, positive)
        if area is None:
            continue
        other = precision_recall(scores, positive)
        rocs.append(_line(name, curve.false_positive, curve.true_positive))
        recalls.append(_line(name, (0.0, *other.recall), (other.precision[0], *other.precision)))
        share = float(positive.mean())
        rows.append(
            (name, f"{int(positive.sum()):,}", as_decimal(curve.auc), as_decimal(other.average), f"{share:.3f}")
        )
    heads = ("class", "images", "AUC", "average precision", "by chance")
    table = AuditTable(title=f"{model.name}: each class told from the rest", heads=heads, rows=tuple(rows),
                       note=AREAS_NOTE)  # fmt: skip
    return (_roc_chart(model.name, rocs), _recall_chart(model.name, recalls)) if rows else (), table


def _line(name: str, x: Sequence[float], y: Sequence[float]) -> AuditLine:
    kept = thinned(x, y, MOST_POINTS)
    return AuditLine(name=name, x=tuple(x[place] for place in kept), y=tuple(y[place] for place in kept))


def _roc_chart(model: str, lines: Sequence[AuditLine]) -> AuditChart:
    told = "Shares as the threshold falls. On the diagonal a class is told by chance alone."
    return AuditChart(title=f"{model}: ROC", x_title="others taken for it", y_title="found", lines=tuple(lines),
                      diagonal=True, diagonal_name="by chance", note=told)  # fmt: skip


def _recall_chart(model: str, lines: Sequence[AuditLine]) -> AuditChart:
    return AuditChart(title=f"{model}: precision and recall", x_title="found", y_title="right among those named so",
                      lines=tuple(lines), note="Shares as the threshold falls.")  # fmt: skip


def as_decimal(found: Estimate) -> str:
    """A figure with its interval; a dash where there is none."""
    if found.value is None:
        return "–"
    ends = f" ({found.low:.3f} to {found.high:.3f})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.3f}{ends}"


def confusion_of(model: AuditedModel, places: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
    """Counts `(K, K)` of true classes down and answers across, of all images or of those at `places`."""
    answers = model.answers
    return confusion_matrix(answers.labels[places], answers.predicted[places], len(answers.classes))


def beyond_chance(model: AuditedModel, data: AuditedSet) -> Finding | None:
    """Cohen's kappa between a model and the labels, by drawing slides anew where they are known; None without one."""
    answers = model.answers
    groups = [data.groups.get(image, "") for image in answers.images]
    found = cohens_kappa(confusion_of(model))
    if found.defined and data.groups and len(set(groups)) > 1:
        found = clustered_interval(groups, lambda places: kappa_value(confusion_of(model, places)))
    if not found.defined:
        return None
    sentence = (
        f"Cohen's kappa between its answers and the labels is {as_decimal(found)}: 0 is chance, 1 full agreement."
    )
    return estimated(found, step="performance", key="kappa", title="Agreement beyond chance", status="information",
                     model=model.name, sentence=sentence)  # fmt: skip

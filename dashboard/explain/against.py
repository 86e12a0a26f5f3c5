"""One class against another in the one-class view: which class a model's map is contrasted with, the map that is shown
then, and how alike the maps of the two classes are."""

from __future__ import annotations

from core.explanation.contrast import contrasted, no_contrast
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import alike_sentence
from dashboard import state
from dashboard.explain.jobs import ModelRow
from dashboard.url import NO_CLASS, RUNNER_UP


def contrast_of(row: ModelRow, label: str) -> str:
    """The class that the map of `label` is contrasted with, as was chosen; "" for none.

    Also where the model has no such class, or where it is `label` itself.
    """
    wanted, prediction = state.get("against"), row.answer.prediction
    if wanted == NO_CLASS or prediction is None:
        return ""
    if wanted == RUNNER_UP:
        return prediction.runner_up(label) or ""
    return wanted if wanted in prediction.classes and wanted != label else ""


def other_class(row: ModelRow, label: str | None) -> str | None:
    """The class whose map that of `label` is compared with: the one chosen, or else the next most probable one."""
    prediction = row.answer.prediction
    if prediction is None or label is None:
        return None
    return contrast_of(row, label) or prediction.runner_up(label)


def shown_map(row: ModelRow, method: str, label: str | None) -> Explanation | None:
    """A row's map of `label` as it is shown: plain, or contrasted where a class was chosen to hold it against.

    None where there is none yet, or where the method has no contrastive map.
    """
    explanation = row.explanations.get(method)
    other = contrast_of(row, label) if label is not None else ""
    if explanation is None or label is None or not other:
        return explanation
    if no_contrast(METHODS[method]):
        return None
    return contrasted(explanation, other, [label])


def contrasts_of(row: ModelRow, label: str | None) -> dict[str, Explanation]:
    """By method the contrastive maps that a row shows; none where nothing is held against anything."""
    if label is None or not contrast_of(row, label):
        return {}
    found = {method: shown_map(row, method, label) for method in row.explanations}
    return {method: item for method, item in found.items() if item is not None}


def alike_text(row: ModelRow, method: str, label: str, other: str | None) -> str:
    """Say of one model how alike a method's maps of two classes are; "" where there is nothing to say."""
    explanation = row.explanations.get(method)
    if explanation is None or other is None or not {label, other} <= set(explanation.classes):
        return ""
    text = alike_sentence(explanation, label, other)
    return f"{row.title}: {text}" if text else ""

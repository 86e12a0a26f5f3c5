"""One class against another in the one-class view: which class a model's map is contrasted with, the map that is shown
then, and how alike the maps of the two classes are."""

from __future__ import annotations

from collections.abc import Sequence

from core.explanation.contrast import contrasted, no_contrast
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import alike_sentence
from dashboard import state
from dashboard.explain.jobs import ModelRow
from dashboard.models import known_classes
from dashboard.url import NO_CLASS, RUNNER_UP


def is_contrastive(rows: Sequence[ModelRow]) -> bool:
    """Whether maps are to be contrastive: a class was chosen to hold them against, and a model of `rows` has it."""
    wanted = state.get("against")
    if wanted in (NO_CLASS, RUNNER_UP):
        return bool(wanted == RUNNER_UP)
    return wanted in known_classes([row.answer.entry for row in rows])


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


def without_contrast(row: ModelRow, method: str, label: str) -> str:
    """Why a row has no contrastive map of `label` by a method, as a short sentence; "" where it has one."""
    if no_contrast(METHODS[method]):
        return f"No map: {'its values are not linear' if METHODS[method].per_class else 'it has one for all classes'}."
    if contrast_of(row, label):
        return ""
    wanted = state.get("against")
    if wanted == label:
        return f"No map: {label} cannot be held against itself."
    return "No map: there is no other class." if wanted == RUNNER_UP else f"No map: this model has no class {wanted}."


def shown_map(row: ModelRow, method: str, label: str | None, contrastive: bool) -> Explanation | None:
    """A row's map of `label` as it is shown: plain, or `contrastive`, held against the class that was chosen.

    None where there is none yet, where the model has no such class, or where there is no contrastive map.
    """
    explanation = row.explanations.get(method)
    if explanation is None or label is None:
        return None
    if not contrastive:
        return explanation
    return None if without_contrast(row, method, label) else contrasted(explanation, contrast_of(row, label), [label])


def contrasts_of(row: ModelRow, label: str | None) -> dict[str, Explanation]:
    """By method the contrastive maps that a row shows; none where nothing is held against anything."""
    if label is None or not contrast_of(row, label):
        return {}
    found = {method: shown_map(row, method, label, contrastive=True) for method in row.explanations}
    return {method: item for method, item in found.items() if item is not None}


def alike_text(row: ModelRow, method: str, label: str, other: str | None) -> str:
    """Say of one model how alike a method's maps of two classes are; "" where there is nothing to say."""
    explanation = row.explanations.get(method)
    if explanation is None or other is None or not {label, other} <= set(explanation.classes):
        return ""
    text = alike_sentence(explanation, label, other)
    return f"{row.title}: {text}" if text else ""

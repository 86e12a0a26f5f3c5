"""What other pages lend to Practice: their live parts, the very ones that stand there. Folders of pages take nothing
from one another otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.answers import Answer
from dashboard.explain.jobs import ExplainRequest, explain_rows
from dashboard.explain.rendering import Look, shown_picture
from dashboard.explain.wording import largest_values
from dashboard.images import Subject
from dashboard.url import BY_NAME, TRAINED, default_parameters

MAP = "gradcam"


@dataclass(frozen=True)
class ShownMap:
    """A model's answer, and its map of the class that it names as a JPEG with what it says; or `fault`, why not."""

    answer: Answer
    picture: bytes | None = None
    words: str = ""
    fault: str = ""


def map_of_named_class(model: str, subject: Subject) -> ShownMap:
    """Ask a model about a picture as it was trained, and draw its Grad-CAM map of the class that it names."""
    asked = ExplainRequest(subject, TRAINED, default_parameters(), (MAP,))
    row = explain_rows([model], asked)[0]
    explanation, prediction = row.explanations.get(MAP), row.answer.prediction
    if explanation is None or prediction is None:
        return ShownMap(row.answer, fault=row.fault_of(MAP) or row.answer.fault or "The map is still to come.")
    look = Look(BY_NAME["palette"].default, BY_NAME["diverging"].default, BY_NAME["opacity"].default / 100, False)
    picture = shown_picture(row.jobs[MAP].stamp(explanation), explanation, prediction.predicted, look)
    return ShownMap(row.answer, picture, ", ".join(largest_values(explanation, prediction.predicted)))

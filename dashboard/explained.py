"""A model's answer to an image together with its maps: a row of the Explain page."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.errors import InputError
from core.explanation.explanation import Explanation
from core.preprocessing.parameters import CellParameters
from dashboard import cache
from dashboard.answers import Answer, ask
from dashboard.slots import slot
from dashboard.subject import Subject

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One model's answer and its maps by method, or none and why."""

    answer: Answer
    explanations: dict[str, Explanation]
    fault: str = ""


def explain_row(name: str, subject: Subject, framing: str, parameters: CellParameters) -> Row:
    """Ask a model and explain its answer; whatever goes wrong stays in its row."""
    answer = ask(slot(name), subject, framing, parameters)
    if answer.prediction is None or answer.slot.classifier is None:
        return Row(answer, {}, answer.fault)
    try:
        return Row(answer, cache.explained(answer.slot.classifier, subject, answer.framing, parameters))
    except InputError as error:
        return Row(answer, {}, str(error))
    except Exception:
        LOG.exception("the model %s could not be explained", name)
        return Row(answer, {}, "This model's maps could not be computed; the server's log says why.")

"""What each model says about an image: its answer, or the reason why there is none."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.errors import InputError
from core.prediction import Prediction
from core.preprocessing.framing import FRAMINGS, View, framing_warning
from core.preprocessing.parameters import CellParameters
from dashboard import cache
from dashboard.address import TRAINED
from dashboard.slots import Slot
from dashboard.subject import Subject

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """One model's answer to one image, or `fault`, the reason why there is none.

    `view` is the picture the model saw; `counted` tells whether it was framed as in training and shows a cell that
    was found, so that the answer takes part in the sentence on agreement.
    """

    slot: Slot
    framing: str = ""
    counted: bool = False
    prediction: Prediction | None = None
    view: View | None = None
    fault: str = ""


def framing_for(slot: Slot, chosen: str) -> str:
    """Return the framing that a model gets: its own, unless another was chosen."""
    if chosen != TRAINED or slot.classifier is None:
        return chosen
    return slot.classifier.card.framing


def ask(slot: Slot, subject: Subject, chosen_framing: str, parameters: CellParameters) -> Answer:
    """Ask one model about one image; whatever goes wrong stays in its answer."""
    if slot.classifier is None:
        return Answer(slot, fault=slot.fault)
    framing = framing_for(slot, chosen_framing)
    try:
        view = cache.view(subject, framing, parameters)
        prediction = cache.predict(slot.classifier, subject, framing, parameters)
    except InputError as error:
        return Answer(slot, framing, fault=str(error))
    except Exception:
        LOG.exception("the model %s failed on an image", slot.name)
        return Answer(slot, framing, fault="This model failed on this image; the server's log says why.")
    counts = view.found and framing == slot.classifier.card.framing
    return Answer(slot, framing, counts, prediction, view)


def caution(answer: Answer) -> str:
    """Return the warning an answer carries when its model was not trained on such pictures, or ""."""
    if answer.prediction is None or answer.counted or answer.slot.classifier is None:
        return ""
    warning = framing_warning(answer.framing, answer.slot.classifier.card.framing) or ""
    return f"{warning} It takes no part in the sentence on agreement.".strip()


def framing_title(framing: str) -> str:
    """Return how a framing is called in a menu."""
    return "As each model was trained" if framing == TRAINED else FRAMINGS[framing].capitalize()


def counted(answers: list[Answer]) -> list[Prediction]:
    """Return the predictions that count towards agreement."""
    return [answer.prediction for answer in answers if answer.prediction is not None and answer.counted]

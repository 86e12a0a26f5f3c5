"""Models as an audit sees them, with answers that a test makes up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.audit.subject import AuditedModel
from core.classes import CLASSES
from core.evaluation.predictions import Answers
from core.models.card import read_card
from tests.support.tiny_models import make_model


def model_of(tmp_path: Path, logits: np.ndarray, labels: np.ndarray) -> AuditedModel:
    """A model of our five classes that gave `logits` `(N, 5)` to images of `labels` `(N,)`."""
    make_model(tmp_path, "made-up")
    card = read_card(tmp_path / "made-up" / "card.json")
    images = tuple(f"{number}.png" for number in range(len(labels)))
    return AuditedModel("made-up", card, Answers(CLASSES, images, labels, logits.argmax(axis=1), logits))

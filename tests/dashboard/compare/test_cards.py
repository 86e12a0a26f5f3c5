"""What a card's text says of the training images."""

from __future__ import annotations

import pytest

from core.classes import CLASSES
from core.models.card import ModelCard, TrainingFacts
from dashboard.compare.cards import training_text


@pytest.fixture
def card() -> ModelCard:
    facts = TrainingFacts(
        recipe="leukolens",
        data="A data set: train split",
        data_fingerprint="0" * 64,
        images=6169,
        simulated_images=1500,
        initial_weights="none",
        seed=1,
        epochs=12,
        seconds=1.0,
        precision="float32",
        machine="one",
        versions={},
    )
    return ModelCard(
        name="one",
        title="One",
        architecture="islam_cnn",
        classes=CLASSES,
        input_size=120,
        framing="cell",
        parameters=1,
        weights_mb=1.0,
        weights_sha256="0" * 64,
        temperature=1.0,
        training=facts,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Trained on 6,169 images of A data set and 1,500 simulated cells, from scratch ("),
        ({"simulated_images": 0}, "Trained on 6,169 images of A data set, from scratch ("),
        ({"initial_weights": "imagenet"}, "and 1,500 simulated cells, from ImageNet weights ("),
    ],
)
def test_simulated_cells_stand_beside_the_images(card: ModelCard, changes: dict[str, object], said: str) -> None:
    assert card.training is not None
    assert said in training_text(card.training.model_copy(update=changes))

"""What a model's card says of its training, and its answer as bars."""

from __future__ import annotations

import numpy as np
import pytest

from core.classes import CLASSES
from core.models.card import ModelCard, TrainingFacts
from core.models.classifier import Prediction
from dashboard.compare.cards import probability_figure, training_text
from dashboard.ui.html import CLASS_COLOURS


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


def test_probability_bars_share_one_scale_and_name_every_class() -> None:
    shares = np.array([0.5, 0.25, 0.125, 0.125, 0.0])
    figure = probability_figure(Prediction("toy", CLASSES, np.log(shares + 1e-9), shares, None, False, 0.01))
    bars = figure.data[0]
    assert list(bars.x) == pytest.approx(list(shares)) and tuple(figure.layout.xaxis.range) == (0, 1)
    assert list(bars.marker.color) == [CLASS_COLOURS[name] for name in CLASSES]
    assert next(iter(bars.hovertext)) == f"Probability of {CLASSES[0]}: 50\u00a0%"

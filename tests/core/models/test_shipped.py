"""The shipped models: their cards say what their files show, and they read the gallery."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, recall_score

from core.classes import CLASSES
from core.models.checkpoints import available, default_root, load_classifier
from core.models.classifier import Classifier
from core.models.registry import SHIPPED
from core.preprocessing.framing import frame_image
from core.simulation import draw_field, gallery

ROOT = default_root()
NAMES = SHIPPED


@pytest.fixture(scope="module")
def classifiers() -> dict[str, Classifier]:
    return {name: load_classifier(ROOT / name) for name in NAMES}


def test_all_are_there_and_small_enough_to_ship() -> None:
    assert tuple(available()) == NAMES
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) < 120e6


@pytest.mark.parametrize("name", NAMES)
def test_the_cards_figures_are_those_of_the_kept_answers(name: str, classifiers: dict[str, Classifier]) -> None:
    card = classifiers[name].card
    answers = pd.read_parquet(ROOT / name / "predictions.parquet")
    logits = answers[[f"logit_{label}" for label in CLASSES]].to_numpy()
    predicted = [CLASSES[index] for index in logits.argmax(axis=1)]
    assert card.test is not None and card.test.images == len(answers)
    assert card.test.accuracy == pytest.approx(accuracy_score(answers["label"], predicted))
    assert card.test.mean_recall == pytest.approx(recall_score(answers["label"], predicted, average="macro"))
    assert card.parameters == sum(parameter.numel() for parameter in classifiers[name].network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_how_the_weights_came_to_be(name: str, classifiers: dict[str, Classifier]) -> None:
    card = classifiers[name].card
    history = pd.read_csv(ROOT / name / "history.csv")
    assert card.training is not None and card.training.epochs == len(history)
    # PBC's train split, Raabin's train smears, BCCD's boxed cells, the development halves of LISC and JTSC
    assert card.training.images == 6169 + 746 + 341 + 125 + 149 and card.simulated_in_training
    kept = {"Raabin-WBC, test by smear", "LISC, report half", "JTSC, report half"}
    assert {score.data for score in card.held_back} == kept and not card.unseen
    assert card.novelty is not None and any("Not a medical device" in limit for limit in card.limits)
    assert history["size"].iloc[-1] == card.input_size


def test_a_model_without_each_laboratory_was_tested_on_it(classifiers: dict[str, Classifier]) -> None:
    figures = classifiers["efficientnet_lite0"].card.left_out
    assert [score.data.partition(":")[0].partition(",")[0] for score in figures] == [
        "PBC",
        "Raabin-WBC",
        "BCCD",
        "LISC",
        "JTSC",
    ]
    assert [score.images for score in figures] == [9298, 1145, 341, 255, 300]


def test_the_gallery_is_read_by_most_models(classifiers: dict[str, Classifier]) -> None:
    right: Counter[str] = Counter()
    for cell in gallery():
        image = cell.cell().image
        for classifier in classifiers.values():
            view = frame_image(image, classifier.card.framing)
            right[cell.key] += classifier.predict([view.rgb])[0].predicted == cell.label
    assert len(right) == 10
    assert sum(count > len(NAMES) / 2 for count in right.values()) >= 8, dict(right)


def test_what_is_no_cell_is_mostly_unfamiliar(classifiers: dict[str, Classifier]) -> None:
    random = np.random.default_rng(0)
    strange = [random.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(3)]
    strange += [draw_field(seed) for seed in range(5)]
    views = [frame_image(rgb, "cell").rgb for rgb in strange]
    flagged = [[answer.unfamiliar for answer in model.predict(views)] for model in classifiers.values()]
    assert np.mean(flagged) > 0.5

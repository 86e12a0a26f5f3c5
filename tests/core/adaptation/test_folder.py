"""The folder of a fitted model: it loads, and says what it is and is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.adaptation.adapt import adapt
from core.adaptation.folder import adapted_card, adapted_name, save_adapted
from core.models.card import ModelCard, Novelty
from core.models.checkpoints import free_folder, load_classifier, save_classifier
from core.models.classifier import Classifier
from core.models.novelty import fit_feature_space
from core.models.registry import architecture
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

LABELS = np.arange(12) % 2 * 2  # basophils and lymphocytes


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn", card={"novelty": Novelty(threshold=0.5, quantile=0.99, rates={"LISC": 0.1})})
    made = load_classifier(root / "islam_cnn")
    network = architecture("islam_cnn").build(5).eval()
    space = fit_feature_space(torch.rand(80, 256), torch.arange(80) % 5)
    save_classifier(root / "base", made.card, network, space)
    return load_classifier(root / "base")


@pytest.fixture(scope="module")
def views() -> list[np.ndarray]:
    return [draw_cell(("basophil", "lymphocyte")[number % 2], number, size=120).image for number in range(12)]


def test_what_is_written_loads_and_answers_as_the_fit(base: Classifier, views: list, tmp_path: Path) -> None:
    found = adapt(base, views, LABELS)
    card = save_adapted(tmp_path / "own", base, found, "Ward 7", seed=0)
    loaded = load_classifier(tmp_path / "own")
    assert loaded.card == card and card.title == "Custom CNN, fitted to Ward 7"
    with torch.no_grad():
        expected = found.network(base.tensor(views))
    assert torch.allclose(loaded.run(loaded.tensor(views))[0], expected, atol=0.05)  # kept in fp16
    facts = card.fitted
    assert facts is not None and facts.base_sha256 == base.weights_sha256 and facts.base == base.card.name
    assert facts.labelled == {"basophil": 6, "eosinophil": 0, "lymphocyte": 6, "monocyte": 0, "neutrophil": 0}
    assert facts.recall_before == found.before.mean_recall and facts.gain[0] == found.gain.value


def test_figures_of_the_base_are_not_the_fitted_models(base: Classifier, views: list) -> None:
    card = adapted_card(base.card, adapt(base, views, LABELS), "Ward 7", seed=0)
    assert base.card.test is not None and card.test is None and card.unseen == card.held_back == card.left_out == ()
    assert any("12 cells of one laboratory" in line for line in card.limits)
    ModelCard.model_validate_json(card.model_dump_json())


def test_the_laboratorys_own_cells_are_familiar(base: Classifier, views: list) -> None:
    found = adapt(base, views, LABELS)
    assert base.card.novelty is not None and min(found.distances) > base.card.novelty.threshold
    card = adapted_card(base.card, found, "Ward 7", seed=0)
    assert card.novelty is not None and card.novelty.rates == {}
    assert np.mean(np.array(found.distances) > card.novelty.threshold) <= 0.1


@pytest.mark.parametrize("place", ["Ward 7", "…", "../../etc", "x" * 200, "\x1b[31mred"])
def test_a_name_is_one_that_a_card_may_have(base: Classifier, views: list, place: str) -> None:
    card = adapted_card(base.card, adapt(base, views, LABELS), place, seed=0)
    assert card.name == adapted_name(base.card.name, card.fitted.laboratory if card.fitted else "")
    assert card.title.isprintable() and "/" not in card.name


def test_no_folder_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert free_folder(tmp_path, "Own").name == "own-2" and free_folder(tmp_path, "///").name == "model"

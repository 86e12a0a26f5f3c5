"""What the engine's answers are remembered by."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.models.checkpoints import load_classifier
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.parameters import CellParameters
from dashboard import answers
from dashboard.images import gallery_subjects


def test_another_card_or_name_over_the_same_weights_is_another_answer(
    tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_view", answers._view.__wrapped__)  # it belongs to a session, and there is none
    shutil.copytree(tiny_root / "islam_cnn", tmp_path / "copy")
    first, second = load_classifier(tiny_root / "islam_cnn"), load_classifier(tmp_path / "copy")
    hotter = replace(first, card=first.card.model_copy(update={"temperature": 4.0}))
    subject, parameters = gallery_subjects()["cell-1"], CellParameters()
    one, other, warm = (answers.prediction_of(model, subject, "cell", parameters) for model in (first, second, hotter))
    assert (one.model, other.model) == ("islam_cnn", "copy")
    assert not np.array_equal(one.probabilities, warm.probabilities)


@pytest.mark.parametrize("bounds", [{"padding": 3}, {"lower": (1, 2, 3)}])
def test_only_the_bare_automatic_mode_suggests_bounds(bounds: dict[str, object]) -> None:
    subject = gallery_subjects()["cell-1"]
    assert answers.parameters_for(subject, CellParameters(mode="automatic")) == suggest_parameters(subject.rgb)
    fixed = CellParameters.of(mode="automatic", **bounds)
    assert answers.parameters_for(subject, fixed) == fixed

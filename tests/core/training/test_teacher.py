"""Learning from another network's answers as well as from the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from core.classes import CLASSES
from core.errors import InputError
from core.models.checkpoints import load_classifier
from core.training.module import TEACHING_TEMPERATURE, CellModule, distillation, taught
from core.training.weights import teacher_of
from tests.support.tiny_models import make_model
from tests.support.trainings import recipe_of


def test_distillation_is_the_papers_cross_entropy_of_softened_answers() -> None:
    random = np.random.default_rng(0)
    pupil, teacher = random.normal(size=(2, 7, 5))
    slowly = 0.0
    for one, other in zip(pupil, teacher, strict=True):
        wanted, given = softmax(other / TEACHING_TEMPERATURE), log_softmax(one / TEACHING_TEMPERATURE)
        slowly -= sum(w * g for w, g in zip(wanted, given, strict=True)) * TEACHING_TEMPERATURE**2
    assert float(distillation(torch.tensor(pupil), torch.tensor(teacher))) == pytest.approx(slowly)


def test_a_teacher_is_asked_at_its_own_side_and_stays_as_it_is(tmp_path: Path) -> None:
    make_model(tmp_path, "wise")
    recipe = recipe_of(architecture="islam_cnn", teacher=str(tmp_path / "wise"))
    teacher = teacher_of(recipe, CLASSES)
    assert teacher is not None
    views = torch.randn(2, 3, 200, 200)
    assert taught(teacher, views).shape == (2, 5)
    own = torch.randn(2, 3, teacher.card.input_size, teacher.card.input_size)
    assert torch.equal(taught(teacher, own), teacher.network(own))
    module = CellModule(load_classifier(tmp_path / "wise").network, recipe, CLASSES, teacher=teacher)
    assert not any(teacher.network is part for part in module.modules())
    assert not any("teacher" in name for name in module.state_dict())


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    make_model(tmp_path, "wise")
    recipe = recipe_of(architecture="islam_cnn", teacher=str(tmp_path / "wise"))
    with pytest.raises(InputError, match="The teacher wise knows basophil"):
        teacher_of(recipe, CLASSES[:4])
    with pytest.raises(InputError, match="No model"):
        teacher_of(recipe_of(teacher="nobody"), CLASSES)
    assert teacher_of(recipe_of(), CLASSES) is None

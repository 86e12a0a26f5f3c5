"""Every method through the service, and how many bytes results and pictures keep."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from core.explanation.context import ImageContext, nbytes_of
from core.explanation.engine import checked_request, explain, explanation_of, start
from core.explanation.methods.registry import METHODS
from core.explanation.perturbation import Evaluator
from core.explanation.quality.randomisation import RandomisationTask
from core.explanation.quality.scoring import ScoringTask
from core.explanation.service.service import ExplanationService
from core.models.classifier import Classifier
from tests.support.tasks import ask_maps

LONG = 20.0


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].instant])
def test_instant_methods_give_what_the_engine_gives(
    service: ExplanationService, models: list[Classifier], name: str
) -> None:
    job = ask_maps(service, models[0], service.context(picture()), name)
    assert job.wait(LONG)
    found = job.explanation()
    wanted = explain(models[0], picture(), [name])[name]
    assert found is not None and np.array_equal(found.native, wanted.native) and found.settings == wanted.settings


def arrays_of(owner: object, apart: tuple[type, ...]) -> dict[int, int]:
    """Bytes of each array and tensor that an object keeps alive, as the garbage collector finds them."""
    seen, found, left = {id(owner)}, {}, gc.get_referents(owner)
    while left:
        one = left.pop()
        if isinstance(one, np.ndarray) and isinstance(one.base, np.ndarray):
            one = one.base
        if id(one) in seen or isinstance(one, (type, ModuleType, FunctionType, *apart)):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray | torch.Tensor):
            found[id(one)] = one.nbytes
        else:
            left += gc.get_referents(one)
    return found


def is_about(told: int, owner: object, context: ImageContext | None = None, slack: int = 2000) -> bool:
    """Whether `told` is what `owner` keeps alive, without models and what is the scene's."""
    models = (Classifier, nn.Module)
    found = arrays_of(owner, models if context is None else (*models, ImageContext, Evaluator))
    shared = {} if context is None else arrays_of(context, models)
    own = sum(size for key, size in found.items() if key not in shared)
    return abs(told - own) <= slack


@pytest.mark.parametrize("name", list(METHODS))
def test_a_method_says_how_many_bytes_it_keeps(models: list[Classifier], name: str) -> None:
    context = ImageContext(picture())
    estimator = start(name, models[0], context)
    estimator.budget = min(estimator.budget, 60)
    while not estimator.done:
        estimator.advance()
    assert is_about(estimator.maps().nbytes, estimator.maps(), context)
    assert is_about(estimator.nbytes, estimator, context, 60 * 1000 if name == "shap-partition" else 2000)


def test_a_scene_and_its_scores_say_how_many_bytes_they_keep(models: list[Classifier]) -> None:
    context = ImageContext(picture(), picture()[..., 0] > 128)
    assert context.nbytes == context.rgb.nbytes + 64 * 64
    for name in METHODS:
        estimator = start(name, models[0], context)
        estimator.budget = min(estimator.budget, 40)
        while not estimator.done:
            estimator.advance()
    found = explanation_of(estimator)
    scored = ScoringTask(models[0], context, found, found.classes[0])
    checked = RandomisationTask(checked_request("gradcam", models[0], context), found.classes[0])
    for task in (scored, checked):
        while not task.done:
            task.advance()
    remembered = sum(
        len(once.value._remembered) for once in context._kept.values() if isinstance(once.value, Evaluator)
    )
    assert is_about(found.nbytes, found, context) and found.nbytes > found.values.nbytes
    assert is_about(scored.nbytes, scored, context) and is_about(checked.nbytes, checked, context)
    assert remembered > 100 and is_about(context.nbytes, context, None, 400 * remembered) and context.nbytes > 10**6


def test_what_cannot_say_its_size_is_not_kept_unseen() -> None:
    array = np.zeros((3, 4), np.float32)
    assert nbytes_of(array, None, {"a": [array, torch.zeros(5)]}, ()) == 48 + 48 + 20
    with pytest.raises(AttributeError):
        nbytes_of("text")

"""The engine: one unscaled map a class by every method, and settings checked at its edge."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.classes import CLASSES
from core.errors import InputError
from core.explanation import engine
from core.explanation.context import ImageContext
from core.explanation.engine import checked_request, explain, interpolate
from core.explanation.methods.registry import METHODS
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.models.registry import ARCHITECTURES
from core.settings import Value
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn")
    return load_classifier(root / "islam_cnn")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90, 90, 3), dtype=np.uint8)


CAMS = ("gradcam", "gradcam++", "hirescam", "layercam")


def small(name: str) -> dict[str, dict[str, Value]]:
    """Settings that spend next to nothing."""
    budget = METHODS[name].budget
    return {name: {budget.name: max(int(budget.low), 20)}} if budget else {}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_one_unscaled_map_a_class(classifier: Classifier, name: str) -> None:
    answer = explain(classifier, picture(0), [name], settings=small(name))[name]
    assert answer.values.shape == (5, 120, 120) and answer.values.dtype == np.float32
    assert answer.native.shape[0] == 5 and answer.view.shape == (120, 120, 3)
    assert answer.classes == CLASSES and np.isfinite(answer.values).all()
    assert METHODS[name].signed or answer.values.min() >= 0
    assert answer.complete and answer.evaluations <= 20 + 5
    again = explain(classifier, picture(0), [name], settings=small(name))[name]
    assert np.array_equal(answer.values, again.values)


@pytest.mark.parametrize("name", CAMS)
def test_cams_come_on_the_grid_of_the_last_convolution(classifier: Classifier, name: str) -> None:
    assert explain(classifier, picture(0), [name])[name].native.shape == (5, 7, 7)


def test_chosen_classes_come_in_the_order_asked(classifier: Classifier) -> None:
    every = explain(classifier, picture(0), ["gradcam"])["gradcam"]
    some = explain(classifier, picture(0), ["gradcam"], ["neutrophil", "basophil"])["gradcam"]
    assert some.classes == ("neutrophil", "basophil")
    assert np.array_equal(some.values[1], every.map_of("basophil"))


def test_no_hook_and_no_gradient_is_left_behind(classifier: Classifier) -> None:
    explain(classifier, picture(0), list(METHODS), settings={k: v for name in METHODS for k, v in small(name).items()})
    gc.collect()
    for module in classifier.network.modules():
        assert not module._forward_hooks and not module._backward_hooks and not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in classifier.network.parameters())
    assert not classifier.network.training


def test_interpolation_keeps_a_constant_map_and_its_scale() -> None:
    assert np.allclose(interpolate(np.full((7, 7), 3.5, dtype=np.float32), 50), 3.5)


def test_unknown_names_are_told(classifier: Classifier) -> None:
    with pytest.raises(InputError, match="Known: gradcam"):
        explain(classifier, picture(0), ["saliency"])
    with pytest.raises(InputError, match="no class 'blast'"):
        explain(classifier, picture(0), ["gradcam"], ["blast"])


def test_a_broken_checkpoints_nan_is_refused(classifier: Classifier) -> None:
    broken = torch.full_like(classifier.tensor([picture(0)]), float("nan"))
    from core.explanation.gradients import class_gradients

    with pytest.raises(InputError, match="not finite"):
        class_gradients(classifier.network, broken)


@pytest.mark.parametrize("name", [name for name, kind in METHODS.items() if kind.family == "masks"])
def test_what_does_not_average_is_never_in_a_faster_format_by_itself(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On a machine and a model for which bfloat16 was shown to be faithful, by maps that average."""
    monkeypatch.setattr(engine, "processor_has", lambda *_: True)
    monkeypatch.setitem(
        ARCHITECTURES, classifier.card.architecture, replace(ARCHITECTURES["islam_cnn"], slow_in_bfloat16=())
    )
    faithful = replace(classifier, card=classifier.card.model_copy(update={"bfloat16": {"masks": 0.999}}))
    context = ImageContext(picture(0))
    found = {
        wanted: checked_request(name, faithful, context, precision=wanted).precision for wanted in engine.PRECISIONS
    }
    exact = name in ("occlusion", "shap-partition")
    assert found == {"auto": "float32" if exact else "bfloat16", "float32": "float32", "bfloat16": "bfloat16"}

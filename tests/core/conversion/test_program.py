"""What is exported: PyTorch's answers, Grad-CAM by hand against autograd, in the file as in the module."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from core.conversion.formats import NEEDED, export_plan, litert_bytes, onnx_bytes
from core.conversion.parity import simulated_cells
from core.conversion.program import SLOPES, CamHead, ExportedModel
from core.errors import InputError
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier, standardise
from core.models.novelty import fit_feature_space
from core.models.staged import StagedNetwork
from core.runs.intake import NewCard, take_in
from tests.support.own_models import NAMES, onnx_folder
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "tiny", card={"temperature": 0.7})
    return load_classifier(root / "tiny")


def gradcam(network: StagedNetwork, activations: Tensor) -> Tensor:
    """Selvaraju et al. 2017, eq. 1 and 2, written slowly: one backward pass a picture and class."""
    rows = []
    for picture in activations:
        maps = []
        for label in range(network.head(picture[None]).shape[1]):
            leaf = picture[None].clone().requires_grad_()
            (gradient,) = torch.autograd.grad(network.head(leaf)[0, label], leaf)
            maps.append((gradient.mean(dim=(2, 3), keepdim=True) * leaf).sum(dim=1)[0].relu().detach())
        rows.append(torch.stack(maps))
    return torch.stack(rows)


def random_network(*head: nn.Module) -> StagedNetwork:
    """A convolution, and a head with statistics of its own where it normalises."""
    for layer in head:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, -2, 2)
            nn.init.uniform_(layer.running_var, 0.5, 3)
            nn.init.normal_(layer.running_mean)
    return StagedNetwork({"cut": nn.Conv2d(3, 4, 3), "classifier": nn.Sequential(*head)}, "cut").eval()


HEADS = {
    "pooled by mean, linear": lambda: (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    "normalised, pooled by maximum, tanh": lambda: (
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.Dropout2d(0.2),
        nn.Flatten(),
        nn.Linear(36, 8),
        nn.Tanh(),
        nn.Linear(8, 5),
        nn.Tanh(),
        nn.Linear(5, 3),
    ),
    "pooled twice, ReLU": lambda: (
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(6, 3),
    ),
    "hard swish, in place": lambda: (
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 6),
        nn.Hardswish(inplace=True),
        nn.Linear(6, 3),
    ),
}


@pytest.mark.parametrize("kind", HEADS)
def test_maps_by_hand_are_those_of_autograd(kind: str) -> None:
    torch.manual_seed(1)
    network = random_network(*HEADS[kind]())
    activations = torch.randn(4, 4, 7, 7).relu() * 3  # with ties, as after every ReLU
    logits, maps = CamHead(network)(activations)
    torch.testing.assert_close(logits, network.head(activations))
    torch.testing.assert_close(maps, gradcam(network, activations), rtol=1e-4, atol=1e-5)
    assert maps.max() > 0


@pytest.mark.parametrize("kind", SLOPES)
def test_slopes_are_those_of_autograd(kind: type[nn.Module]) -> None:
    points = torch.linspace(-5, 5, 102).requires_grad_()
    (wanted,) = torch.autograd.grad(kind()(points).sum(), points)
    torch.testing.assert_close(SLOPES[kind](points.detach()), wanted)


def test_a_head_of_another_kind_is_refused() -> None:
    network = random_network(nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(InputError, match=r"normalise, pool and are dense; this one has others .Conv2d"):
        CamHead(network)


def test_the_file_answers_as_the_model_does(classifier: Classifier) -> None:
    data = onnx_bytes(export_plan(classifier, maps=True))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    cells = simulated_cells(classifier, 3)
    images = np.concatenate(cells.pictures)
    probabilities, maps = session.run(["probabilities", "maps"], {"image": images})
    told = np.stack([answer.probabilities for answer in classifier.predict(cells.views)])
    np.testing.assert_allclose(probabilities, told, atol=1e-5)
    with torch.no_grad():
        activations = classifier.network.features(standardise(torch.from_numpy(images)))
    wanted = gradcam(classifier.network, activations).numpy()
    np.testing.assert_allclose(maps, wanted, rtol=1e-3, atol=1e-3 * float(wanted.max()))
    kept = {entry.key: entry.value for entry in onnx.load_model_from_string(data).metadata_props}
    assert json.loads(kept["leukolens.card"]) == classifier.card.model_dump(mode="json")
    assert json.loads(kept["leukolens.input"])["shape"] == ["N", 3, 120, 120]
    assert json.loads(kept["leukolens.outputs"]) == {"probabilities": ["N", 5], "maps": ["N", 5, "h", "w"]}


def test_the_distance_of_unfamiliar_pictures_comes_along(classifier: Classifier) -> None:
    torch.manual_seed(2)
    space = fit_feature_space(torch.rand(60, 256), torch.arange(60) % 5)
    card = classifier.card.model_copy(update={"novelty": {"threshold": 1.0, "quantile": 0.99}})
    module = ExportedModel(Classifier("tiny", card, classifier.network, "0" * 64, space), maps=True)
    cells = simulated_cells(classifier, 2)
    images = torch.from_numpy(np.concatenate(cells.pictures))
    with torch.no_grad():
        found = dict(zip(module.outputs, module(images), strict=True))["novelty"]
        pooled = classifier.network.features(standardise(images)).mean(dim=(2, 3))
    torch.testing.assert_close(found, space.distance(pooled).float(), rtol=1e-3, atol=1e-4)


def test_an_onnx_model_is_a_program_already(tmp_path: Path) -> None:
    program = take_in(onnx_folder(tmp_path), tmp_path / "models", new=NewCard(classes=NAMES)).classifier
    with pytest.raises(InputError, match=r"an ONNX file already: copy its model\.onnx"):
        ExportedModel(program)


def test_without_the_converter_it_says_what_to_install(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "litert_torch", None)
    with pytest.raises(InputError, match="The format litert needs litert-torch") as told:
        litert_bytes(export_plan(classifier, maps=False))
    assert NEEDED["litert"][1] in str(told.value)

"""Networks that torchvision and timm name: their own answers through our cut, and Grad-CAM as a library computes it."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.torch import load_file
from torch import nn

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_request, chosen_precision, explain
from core.explanation.methods.registry import METHODS
from core.explanation.perturbation import MaskCompositor
from core.explanation.quality.randomisation import stage_groups
from core.models.card import SCALINGS
from core.models.checkpoints import load_classifier, save_classifier
from core.models.classifier import to_tensor
from core.models.foreign import cut_network, foreign_builder, foreign_network
from core.models.staged import inference_copy
from core.runs.intake import NewCard, take_in
from core.simulation import draw_cell
from tests.support.own_models import NAMES, library_network, onnx_folder, weights_folder

CUTS = {
    "torchvision:resnet18": ("layer4", 512),
    "torchvision:mobilenet_v3_small": ("features12", 576),
    "torchvision:densenet121": ("featuresnorm5", 1024),
    "torchvision:shufflenet_v2_x0_5": ("conv5", 1024),
    "torchvision:squeezenet1_1": ("features12", 512),
    "torchvision:mnasnet0_5": ("layers", 1280),
    "torchvision:regnet_y_400mf": ("trunk_output", 440),
    "torchvision:googlenet": ("inception5b", 1024),
    "timm:resnet18": ("layer4", 512),
    "timm:mobilenetv3_small_050": ("blocks", 288),
}


@pytest.mark.parametrize("name", CUTS)
def test_answers_are_the_librarys_own_and_the_cut_is_the_last_map(name: str) -> None:
    theirs = library_network(name)
    ours = foreign_network(name, dict(theirs.state_dict()), 3, 96)
    pictures = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, maps = theirs(pictures), ours.features(pictures)
        assert torch.equal(ours(pictures), wanted) and torch.equal(ours.head(maps.clone()), wanted)
        assert torch.allclose(inference_copy(ours, "float32")(pictures), wanted, rtol=1e-3, atol=1e-4)
    assert (ours.cut, maps.shape[1]) == CUTS[name] and maps.shape[2] == maps.shape[3] > 1
    assert ours.lacks == {}


class Crossed(nn.Module):
    """Its parts do not follow one another: the second is added to the first."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.pool = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Flatten()
        self.last = nn.Linear(4 * 32 * 32, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        first = self.one(inputs)
        return self.last(self.pool(first + self.two(first)))


def test_a_network_whose_parts_do_not_compose_stays_whole() -> None:
    network = Crossed().eval()
    whole = cut_network(network, 32)
    pictures = torch.rand(2, 3, 32, 32)
    assert whole.cuts == () and set(whole.lacks) == {"feature map"} and torch.equal(whole(pictures), network(pictures))
    with pytest.raises(InputError, match="no feature map"):
        whole.features(pictures)
    assert stage_groups(list(whole.stages)) == [["network"]]


def test_a_vision_transformer_answers_and_offers_what_needs_no_map(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path, "vit", "timm:test_vit")
    found = take_in(folder, tmp_path / "models", new=NewCard("timm:test_vit", NAMES, input_size=160))
    offered = {name for name, why in found.methods.items() if not why}
    assert offered == {name for name, kind in METHODS.items() if "feature map" not in kind.needs}
    assert "integrated-gradients" in offered and "gradcam" not in offered
    picture = draw_cell("monocyte", 2).image
    maps = explain(found.classifier, picture, ["integrated-gradients"], settings={"integrated-gradients": {"steps": 8}})
    assert np.abs(maps["integrated-gradients"].values).max() > 0


def unit(values: np.ndarray) -> np.ndarray:
    """As pytorch-grad-cam scales a map."""
    raised = values - values.min()
    return np.asarray(raised / (1e-7 + raised.max()))


def test_grad_cam_is_the_librarys(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path)
    ours = take_in(folder, tmp_path / "models", new=NewCard("torchvision:resnet18", NAMES, scaling="imagenet"))
    network = library_network("torchvision:resnet18")
    network.load_state_dict(load_file(folder / "model.safetensors"))
    picture = draw_cell("neutrophil", 4).image  # 224 px, as the network takes it
    mean, deviation = (np.array(part) for part in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    inputs = torch.from_numpy(((picture / 255 - mean) / deviation).astype(np.float32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        assert np.allclose(ours.classifier.predict([picture])[0].logits, network(inputs)[0], atol=1e-4)
    maps = explain(ours.classifier, picture, ["gradcam"])["gradcam"]
    assert maps.native.max() > 0
    for place, native in enumerate(maps.native):
        with GradCAM(network, [network.layer4]) as cam:
            theirs = cam(inputs, [ClassifierOutputTarget(place)])[0]
        assert np.allclose(unit(cv2.resize(unit(native), (224, 224))), theirs, atol=1e-4)


def test_what_fitting_saves_can_be_loaded_again(tmp_path: Path) -> None:
    card = NewCard("torchvision:resnet18", NAMES)
    first = take_in(weights_folder(tmp_path), tmp_path / "models", new=card).classifier
    save_classifier(tmp_path / "again", first.card, first.network)
    again = load_classifier(tmp_path / "again")
    picture = draw_cell("neutrophil", 4).image
    assert np.allclose(again.predict([picture])[0].logits, first.predict([picture])[0].logits, atol=1e-2)  # fp16
    assert again.network.cut == "layer4"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torchvision:resnet19", "names no classifier"),
        ("torchvision:fasterrcnn_resnet50_fpn", "names no classifier"),
        ("torchvision:../x", "no name of a network"),
        ("timm:hf-hub:who/what", "no name of a network"),
        ("timm:no_such_net", "timm names no network"),
    ],
)
def test_names_of_no_network(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        foreign_builder(name)


def test_without_timm_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "timm":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'pip install "leukolens\[models\]"'):
        foreign_builder("timm:resnet18")


@pytest.mark.parametrize("name", [name for name, scaling in SCALINGS.items() if scaling is not None])
def test_masked_pictures_are_scaled_as_whole_ones(name: str) -> None:
    scaling = SCALINGS[name]
    picture, hidden = draw_cell("monocyte", 1, 64).image, draw_cell("basophil", 2, 64).image
    made = MaskCompositor(picture, hidden, torch.float32, scaling)
    keep = np.random.default_rng(0).random((3, 64, 64)) < 0.5
    shown = [np.where(mask[..., None], picture, hidden) for mask in keep]
    wanted = to_tensor(shown, 64, scaling)
    level = float(wanted.abs().max())
    assert torch.allclose(made.hard(keep), wanted, atol=1e-5 * level)
    assert torch.allclose(made.soft(keep.astype(np.float32)), wanted, atol=1e-5 * level)
    assert scaling is not None
    mean, deviation = np.array(scaling.mean), np.array(scaling.deviation)
    by_hand = (shown[0] / 255 - mean) / deviation
    assert np.allclose(wanted[0].permute(1, 2, 0), by_hand, atol=1e-5 * level)


def test_a_request_of_an_unfit_method_is_refused(tmp_path: Path) -> None:
    program = take_in(onnx_folder(tmp_path), tmp_path / "models", new=NewCard(classes=NAMES)).classifier
    context = ImageContext(draw_cell("monocyte", 1).image)
    for name, kind in METHODS.items():
        if not kind.needs:
            checked_request(name, program, context)
            continue
        with pytest.raises(InputError, match=r"needs .* of mine: an ONNX file"):
            checked_request(name, program, context)
    assert chosen_precision(program, "masks", "bfloat16") == "float32"

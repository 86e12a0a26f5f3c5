"""EfficientNet-Lite0: its size and shapes are the published ones, and its ImageNet weights are taken from a package."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from core.errors import InputError
from core.models.efficientnet_lite import PACKAGE, WEIGHTS_FILE, SamePad, build_efficientnet_lite0
from core.models.staged import inference_copy


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the package, found before any other, keeps the weights."""
    file = tmp_path / PACKAGE / WEIGHTS_FILE
    file.parent.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text("raise RuntimeError('never imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return file


def published(seed: int = 3) -> dict[str, torch.Tensor]:
    """Tensors in the published order and shapes, and the classifier of 1,000 classes, under other names."""
    torch.manual_seed(seed)
    own = build_efficientnet_lite0(1000).state_dict()
    names = {key: f"_fc.{number}" if "classifier" in key else f"_{number}" for number, key in enumerate(own)}
    return {names[key]: torch.rand_like(value) for key, value in own.items() if "num_batches" not in key}


def test_it_has_the_published_number_of_parameters_and_grid() -> None:
    network = build_efficientnet_lite0(1000).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008  # as published for Lite0
    with torch.no_grad():
        assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 1280, 7, 7)
        assert network(torch.zeros(2, 3, 97, 97)).shape == (2, 1000)


@pytest.mark.parametrize("side", [7, 8, 112, 113])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_padding_is_tensorflows(side: int, kernel: int, stride: int) -> None:
    padded = SamePad(kernel, stride)(torch.ones(1, 1, side, side))
    whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    expected = torch.zeros(1, 1, side + whole, side + whole)
    expected[:, :, whole // 2 : whole // 2 + side, whole // 2 : whole // 2 + side] = 1
    assert torch.equal(padded, expected)
    assert F.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride).shape[-1] == -(-side // stride)


def test_folding_its_normalisation_leaves_its_function() -> None:
    torch.manual_seed(0)
    network = build_efficientnet_lite0(5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    pictures = torch.randn(2, 3, 64, 64)
    folded = inference_copy(network.eval(), "float32")
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded(pictures), network(pictures), rtol=1e-3, atol=1e-4)


def test_imagenet_weights_come_from_the_package_but_for_the_classifier(package: Path) -> None:
    tensors = published()
    torch.save(tensors, package)
    taken = build_efficientnet_lite0(5, imagenet=True).state_dict()
    kept = [value for key, value in taken.items() if "num_batches" not in key and "classifier" not in key]
    theirs = [value for key, value in tensors.items() if not key.startswith("_fc")]
    assert all(torch.equal(one, other) for one, other in zip(kept, theirs, strict=True))


def test_a_package_that_holds_something_else_is_refused(package: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        build_efficientnet_lite0(5, imagenet=True)
    package.write_bytes(pickle.dumps({"harm": Path}))
    with pytest.raises(InputError, match="cannot be read"):
        build_efficientnet_lite0(5, imagenet=True)
    torch.save(dict(list(published().items())[:-4]), package)
    with pytest.raises(InputError, match="not those of EfficientNet-Lite0"):
        build_efficientnet_lite0(5, imagenet=True)


def test_without_the_package_the_message_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match="pip install"):
        build_efficientnet_lite0(5, imagenet=True)

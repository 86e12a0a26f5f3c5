"""ONNX files: PyTorch's answers, whatever their layout, and nothing read but the file itself."""

from __future__ import annotations

import builtins
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.external_data_helper import convert_model_to_external_data

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_request, explain
from core.explanation.quality.randomisation import RandomisationTask
from core.explanation.quality.scoring import ScoringTask
from core.models.card import ModelCard
from core.models.classifier import Classifier, standardise
from core.models.onnx_program import onnx_network, onnx_side
from core.models.staged import WholeNetwork
from core.runs.intake import NewCard, first_card, take_in
from core.simulation import draw_cell
from tests.support.own_models import NAMES, SIDE, Small, onnx_folder, onnx_of


def card_of(data: bytes, **changes: Any) -> ModelCard:
    return first_card("mine", "model.onnx", data, NewCard(classes=NAMES)).model_copy(update=changes)


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shares", [False, True])
def test_logits_are_pytorchs(batch: int | str, channels_last: bool, shares: bool) -> None:
    network = Small(shares=shares)
    data = onnx_of(network, batch=batch, channels_last=channels_last)
    program = onnx_network(data, card_of(data, outputs="probabilities" if shares else "logits"), "mine")
    with torch.no_grad():
        wanted = network(pictures(6))
        found = program(pictures(6))
    assert torch.allclose(found.softmax(1) if shares else found, wanted, atol=1e-5)
    assert onnx_side(data) == SIDE


def test_it_shows_nothing_of_its_inside() -> None:
    data = onnx_of(Small())
    program = onnx_network(data, card_of(data), "mine")
    assert program.cuts == () and set(program.lacks) == {"gradients", "feature map", "weights"}
    assert copy.deepcopy(program).stages["network"] is program.stages["network"]
    with pytest.raises(InputError, match="no feature map"):
        program.features(pictures(1))


@pytest.fixture
def model(tmp_path: Path) -> Classifier:
    return take_in(onnx_folder(tmp_path), tmp_path / "models", new=NewCard(classes=NAMES, scaling="unit")).classifier


def test_an_answer_is_pytorchs_of_the_scaled_picture(model: Classifier) -> None:
    picture = draw_cell("neutrophil", 3, SIDE).image
    with torch.no_grad():
        wanted = Small()(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0]
    found = model.predict([picture])[0]
    assert np.allclose(found.logits, wanted, atol=1e-5)
    assert np.allclose(found.probabilities, wanted.softmax(0), atol=1e-5) and found.novelty is None


def test_maps_of_an_onnx_model_are_those_of_the_pytorch_network(model: Classifier) -> None:
    picture = draw_cell("neutrophil", 3).image
    settings = {"rise": {"samples": 64}, "lime": {"samples": 64}}
    maps = explain(model, picture, ["rise", "lime"], settings=settings)
    in_pytorch = replace(model, network=WholeNetwork(Small(), {"feature map": "none"}), _inference_copies={})
    wanted = explain(in_pytorch, picture, ["rise", "lime"], settings=settings)
    for name, item in maps.items():
        assert item.values.shape == (3, SIDE, SIDE) and np.ptp(item.values) > 0
        assert np.allclose(item.values, wanted[name].values, atol=1e-3 * np.abs(item.values).max())


def test_a_map_is_scored_and_weights_are_not_redrawn(model: Classifier) -> None:
    context = ImageContext(draw_cell("neutrophil", 3).image)
    item = explain(model, context, ["rise"], settings={"rise": {"samples": 64}})["rise"]
    scoring = ScoringTask(model, context, item, NAMES[0], ("deletion",), 0, "auto")
    while not scoring.done:
        scoring.advance()
    assert scoring.scoring().rows
    with pytest.raises(InputError, match="The check cannot be made: the weights of an ONNX file"):
        RandomisationTask(checked_request("rise", model, context), NAMES[0])


def test_standardised_as_ours_by_default(tmp_path: Path) -> None:
    model = take_in(onnx_folder(tmp_path), tmp_path / "models", new=NewCard(classes=NAMES)).classifier
    picture = draw_cell("neutrophil", 3, SIDE).image
    with torch.no_grad():
        wanted = Small()(standardise(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255))[0]
    assert np.allclose(model.predict([picture])[0].logits, wanted, atol=1e-4)


def refused(data: bytes, said: str, **changes: Any) -> None:
    with pytest.raises(InputError, match=said):
        onnx_network(data, card_of(onnx_of(Small()), **changes), "mine")


def test_files_that_are_refused() -> None:
    good = onnx_of(Small())
    refused(b"not an ONNX file", "damaged or no ONNX file")
    refused(good[: len(good) // 2], "damaged or no ONNX file|cannot be run")
    refused(good, r"takes pictures of the shape .* input_size is 96", input_size=96)
    broken = onnx.load_model_from_string(good)
    broken.graph.node[0].op_type = "NoSuchLayer"
    refused(broken.SerializeToString(), "cannot be run")
    two = onnx.load_model_from_string(good)
    two.graph.output.append(two.graph.output[0])
    two.graph.output[1].name = "r"
    refused(two.SerializeToString(), "1 inputs and 2 outputs")


def test_weights_in_another_file_are_refused_and_not_read(tmp_path: Path) -> None:
    program = onnx.load_model_from_string(onnx_of(Small()))
    convert_model_to_external_data(program, location="../secret", size_threshold=0)
    for tensor in program.graph.initializer:
        tensor.ClearField("raw_data")
    (tmp_path / "secret").write_bytes(bytes(10_000))
    refused(program.SerializeToString(), "further files, which are not read")


def test_without_onnx_runtime_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(name)
        return real(name, *args)

    data = onnx_of(Small())
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'pip install "leukolens\[onnx\]"'):
        onnx_network(data, card_of(data), "mine")

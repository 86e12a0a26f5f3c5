"""Taking a model in: good folders come whole, bad ones are refused in words and leave nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.methods.registry import METHODS
from core.models.checkpoints import available, load_classifier
from core.runs import intake
from core.runs.intake import NewCard, take_in
from tests.support.own_models import NAMES, SIDE, Small, onnx_folder, onnx_of, weights_folder
from tests.support.tiny_models import make_model

KNOWN = NewCard(classes=NAMES)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_an_onnx_file_becomes_a_model(tmp_path: Path, models: Path) -> None:
    found = take_in(onnx_folder(tmp_path), models, new=KNOWN)
    assert available(models) == ["mine"] and names_in(models) == ["mine"]
    card = load_classifier(models / "mine").card
    assert (card.architecture, card.classes, card.input_size, card.outputs) == ("onnx", NAMES, SIDE, "logits")
    assert card.weights_sha256 == hashlib.sha256((tmp_path / "mine/model.onnx").read_bytes()).hexdigest()
    assert [drawn for drawn, _ in found.cells] == list(CLASSES) and found.remarks == ()
    assert {name for name, why in found.methods.items() if not why} == {
        name for name, kind in METHODS.items() if not kind.needs
    }


def test_outputs_that_are_probabilities_are_found_out(tmp_path: Path, models: Path) -> None:
    found = take_in(onnx_folder(tmp_path, network=Small(shares=True)), models, new=KNOWN)
    assert found.classifier.card.outputs == "probabilities" and found.remarks == ()
    logits = take_in(onnx_folder(tmp_path, "plain", Small()), models, new=KNOWN)
    for (_, mine), (_, plain) in zip(found.cells, logits.cells, strict=True):
        assert np.allclose(mine.probabilities, plain.probabilities, atol=1e-5)


def test_outputs_said_wrongly_are_told(tmp_path: Path, models: Path) -> None:
    said = NewCard(classes=NAMES, outputs="logits")
    found = take_in(onnx_folder(tmp_path, network=Small(shares=True)), models, new=said)
    assert any("look like probabilities" in remark for remark in found.remarks)
    with pytest.raises(InputError, match="do not add up to 1"):
        take_in(onnx_folder(tmp_path, "other"), models, new=NewCard(classes=NAMES, outputs="probabilities"))
    assert names_in(models) == ["mine"]


def test_the_folder_of_a_model_of_ours_is_taken_as_it_is(tmp_path: Path, models: Path) -> None:
    make_model(tmp_path, "ours")
    (tmp_path / "ours/history.csv").write_text("epoch\n0\n")
    take_in(tmp_path / "ours", models, "another")
    files = {path.name: path.read_bytes() for path in (tmp_path / "ours").iterdir()}
    assert {path.name: path.read_bytes() for path in (models / "another").iterdir()} == files


def broken_card(folder: Path, **changes: Any) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": NAMES}, "not those of islam_cnn with 3 classes"),
        ({"input_size": 64}, "does not take pictures of 64 px"),
        ({"architecture": "resnet50"}, "not those of resnet50"),
        ({"architecture": "torchvision:resnet18"}, "not those of torchvision:resnet18"),
        ({"architecture": "onnx"}, "has no readable model.onnx"),
        ({"weights_sha256": "1" * 64}, "not the file its card speaks of"),
        ({"outputs": "probabilities"}, "for all but ONNX files"),
        ({"input_size": "wide"}, "card.json is not valid: input_size"),
    ],
)
def test_a_card_that_lies(tmp_path: Path, models: Path, changes: dict[str, Any], said: str) -> None:
    make_model(tmp_path, "mine")
    broken_card(tmp_path / "mine", **changes)
    refused(tmp_path / "mine", models, said)


def refused(folder: Path, models: Path, said: str, name: str | None = None, new: NewCard | None = None) -> None:
    before = names_in(models)
    with pytest.raises(InputError, match=said):
        take_in(folder, models, name, new)
    assert names_in(models) == before


def test_an_onnx_card_that_lies(tmp_path: Path, models: Path) -> None:
    take_in(onnx_folder(tmp_path, "good"), models, new=KNOWN)
    bad = models / "good"
    broken_card(bad, classes=["a", "b", "c", "d"])
    refused(bad, tmp_path / "others", "gives 3 numbers a picture and the card names 4 classes")
    broken_card(bad, classes=list(NAMES), input_size=96)
    refused(bad, tmp_path / "others", "input_size is 96")


@pytest.mark.parametrize("name", ["model.pt", "weights.pth", "pytorch_model.bin", "model.pkl", "model.pt2"])
def test_pickles_are_never_opened(tmp_path: Path, models: Path, name: str) -> None:
    folder, touched = tmp_path / "mine", tmp_path / "touched"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(touched),))

    folder.mkdir()
    torch.save(Trap(), folder / name)
    refused(folder, models, "never opened", new=NewCard("torchvision:resnet18", NAMES))
    (folder / name).rename(folder / "model.safetensors")
    refused(folder, models, "damaged or no safetensors file", new=NewCard("torchvision:resnet18", NAMES))
    assert not touched.exists()


def test_folders_without_a_model(tmp_path: Path, models: Path) -> None:
    refused(tmp_path / "nowhere", models, "is no folder")
    (tmp_path / "mine").mkdir()
    refused(tmp_path / "mine", models, "neither model.safetensors nor model.onnx")
    (tmp_path / "mine/net.keras").write_bytes(b"")
    refused(tmp_path / "mine", models, "export it as model.onnx")
    (tmp_path / "mine/net.keras").rename(tmp_path / "mine/net.onnx")
    refused(tmp_path / "mine", models, "must be called model.onnx")
    for name in ("model.onnx", "model.safetensors"):
        (tmp_path / "mine" / name).write_bytes(b"")
    refused(tmp_path / "mine", models, "leave one of them")


def test_names(tmp_path: Path, models: Path) -> None:
    folder = onnx_folder(tmp_path)
    take_in(folder, models, new=KNOWN)
    refused(folder, models, "There is a model 'mine' in .* already", new=KNOWN)
    for name in ("../out", ".hidden", "Large", "", "a/b", "x" * 65):
        refused(folder, models, "is no name for a model", name, KNOWN)
    folder.rename(tmp_path / "My Model")
    refused(tmp_path / "My Model", models, "give another by --name", new=KNOWN)


def test_a_first_card_that_cannot_be_made(tmp_path: Path, models: Path) -> None:
    folder = onnx_folder(tmp_path)
    refused(folder, models, r"has no card.json: say its classes \(--classes\)")
    refused(folder, models, "names 2 classes", new=NewCard(classes=("a", "b")))
    refused(folder, models, "classes", new=NewCard(classes=("a", "A", "b")))
    refused(folder, models, "no name for a class", new=NewCard(classes=("a", "b/c", "d")))
    refused(folder, models, "No scaling 'twice'", new=NewCard(classes=NAMES, scaling="twice"))
    refused(folder, models, "framing", new=NewCard(classes=NAMES, framing="masked"))
    refused(folder, models, "leave --architecture out", new=NewCard("timm:resnet18", NAMES))
    weights = weights_folder(tmp_path, "weights")
    refused(weights, models, r"say its architecture and classes \(--architecture, --classes\)")
    refused(weights, models, "names no classifier", new=NewCard("torchvision:resnet1", NAMES))
    refused(weights, models, "not those of torchvision:resnet34", new=NewCard("torchvision:resnet34", NAMES))
    refused(weights, models, "with 2 classes", new=NewCard("torchvision:resnet18", ("a", "b")))
    make_model(tmp_path, "ours")
    refused(tmp_path / "ours", models, "has a card.json already, which says input size", new=NewCard(input_size=96))


def test_numbers_that_are_not_finite(tmp_path: Path, models: Path) -> None:
    folder = weights_folder(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["fc.bias"][1] = torch.nan
    save_file(tensors, folder / "model.safetensors")
    refused(folder, models, "not finite", new=NewCard("torchvision:resnet18", NAMES))
    network = Small()
    network.last.bias.data[0] = torch.inf
    refused(onnx_folder(tmp_path, "program", network), models, "not finite", new=KNOWN)


def test_a_file_over_the_bound_and_one_that_never_ends(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = onnx_folder(tmp_path)
    os.mkfifo(folder / "history.csv")
    refused(folder, models, "history.csv cannot be taken: it is no plain file", new=KNOWN)
    (folder / "history.csv").unlink()
    monkeypatch.setattr(intake, "LARGEST_WEIGHTS", 100)
    refused(folder, models, "model.onnx cannot be taken: it is larger than", new=KNOWN)


def test_one_that_maps_all_cells_alike_is_remarked_on(tmp_path: Path, models: Path) -> None:
    network = Small()
    network.last.weight.data.zero_()
    found = take_in(onnx_folder(tmp_path, network=network), models, new=KNOWN)
    assert any("the same answer" in remark for remark in found.remarks)


def test_a_side_that_the_file_leaves_open_is_the_usual_one(tmp_path: Path, models: Path) -> None:
    folder = onnx_folder(tmp_path)
    data = onnx_of(Small(), side="s")
    (folder / "model.onnx").write_bytes(data)
    assert take_in(folder, models, new=KNOWN).classifier.card.input_size == 224

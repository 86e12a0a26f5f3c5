"""Model folders: written, read back, and refused in words where they are damaged or foreign."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from core.cli.app import app
from core.errors import InputError
from core.models.checkpoints import available, find, load_classifier, save_classifier
from core.models.novelty import fit_feature_space
from core.simulation import draw_cell
from tests.support.tiny_models import NEVER_FAMILIAR, make_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model(tmp_path, "islam_cnn")
    return tmp_path / "islam_cnn"


def alter_card(folder: Path, **fields: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | fields))


def test_weights_come_back_as_they_were_within_half_precision(folder: Path) -> None:
    torch.manual_seed(0)
    from core.models.registry import architecture

    fresh = architecture("islam_cnn").build(5).state_dict()
    loaded = load_classifier(folder).network.state_dict()
    for key, value in fresh.items():
        torch.testing.assert_close(loaded[key], value, rtol=1e-3, atol=1e-6)
        assert loaded[key].dtype == value.dtype


def test_a_classifier_is_frozen_and_in_evaluation_mode(folder: Path) -> None:
    classifier = load_classifier(folder)
    assert not any(parameter.requires_grad for parameter in classifier.network.parameters())
    assert not any(module.training for module in classifier.network.modules())


def test_batches_do_not_change_an_answer(folder: Path) -> None:
    classifier = load_classifier(folder)
    pictures = [np.random.default_rng(n).integers(0, 256, (60 + n, 80, 3), dtype=np.uint8) for n in range(5)]
    together = classifier.predict(pictures, batch_size=3)
    for picture, answer in zip(pictures, together, strict=True):
        alone = classifier.predict([picture])[0]
        np.testing.assert_allclose(answer.logits, alone.logits, rtol=1e-4, atol=1e-5)
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_temperature_divides_the_logits(folder: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    alter_card(folder, temperature=2.5)
    answer = load_classifier(folder).predict([picture])[0]
    exponents = np.exp(answer.logits.astype(np.float64) / 2.5)
    np.testing.assert_allclose(answer.probabilities, exponents / exponents.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "card.json").unlink(), "no readable card.json"),
        (lambda f: (f / "card.json").write_text("{"), "not valid"),
        (lambda f: alter_card(f, surprise=1), "surprise"),
        (lambda f: alter_card(f, name="../../etc"), "name"),
        (lambda f: alter_card(f, temperature=0), "temperature"),
        (lambda f: alter_card(f, classes=["../../x", "b", "c", "d", "e"]), "classes.0"),
        (lambda f: alter_card(f, architecture="alexnet"), "No architecture"),
        (lambda f: alter_card(f, architecture="resnet50"), "not those of resnet50"),
        (lambda f: alter_card(f, classes=["a", "b"]), "not those of islam_cnn with 2 classes"),
        (lambda f: (f / "model.safetensors").unlink(), "no readable model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x" * 999), "not the file its card speaks of"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused_in_words(folder: Path, damage: object, message: str) -> None:
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        load_classifier(folder)


def rehash(folder: Path) -> None:
    import hashlib

    alter_card(folder, weights_sha256=hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())


def test_a_pickle_is_never_opened(folder: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (open, (str(tmp_path / "exploded"), "w"))

    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    rehash(folder)
    with pytest.raises(InputError, match="no safetensors file"):
        load_classifier(folder)
    assert not (tmp_path / "exploded").exists()


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    first = next(key for key, value in tensors.items() if value.is_floating_point())
    tensors[first].fill_(float("nan"))
    save_file(tensors, folder / "model.safetensors")
    rehash(folder)
    with pytest.raises(InputError, match="not finite"):
        load_classifier(folder)


def test_answers_that_are_not_finite_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["stages.classifier.7.bias"] = torch.full((64,), 100.0)  # tanh of it is 1
    tensors["stages.classifier.10.weight"] = torch.full((5, 64), 3e38)
    save_file(tensors, folder / "model.safetensors")
    rehash(folder)
    with pytest.raises(InputError, match="not finite"):
        load_classifier(folder)
    make_model(folder.parent, "sound")
    classifier = load_classifier(folder.parent / "sound")
    with pytest.raises(InputError, match="not finite"):
        classifier.finite(torch.tensor([1.0, torch.inf]))


def test_a_feature_space_of_another_network_is_refused(folder: Path) -> None:
    classifier = load_classifier(folder)
    space = fit_feature_space(torch.randn(80, 33), torch.arange(80) % 5)
    save_classifier(folder, classifier.card, classifier.network, space)
    with pytest.raises(InputError, match="novelty"):
        load_classifier(folder)


def test_an_unfamiliar_picture_is_marked(folder: Path) -> None:
    classifier = load_classifier(folder)
    space = fit_feature_space(torch.randn(400, 256).abs(), torch.arange(400) % 5)
    card = classifier.card.model_copy(update={"novelty": NEVER_FAMILIAR})
    save_classifier(folder, card, classifier.network, space)
    answer = load_classifier(folder).predict([np.zeros((50, 50, 3), dtype=np.uint8)])[0]
    assert answer.unfamiliar and answer.novelty is not None and answer.novelty > 0


def test_available_lists_folders_and_find_names_them(folder: Path) -> None:
    (folder.parent / "stray.txt").write_text("")
    (folder.parent / ".hidden").mkdir()
    make_model(folder.parent, "another")
    assert available(folder.parent) == ["islam_cnn", "another"]
    assert find("another", folder.parent) == folder.parent / "another"
    assert find(str(folder)) == folder
    with pytest.raises(InputError, match="Available: islam_cnn, another"):
        find("missing", folder.parent)
    assert available(folder.parent / "nowhere") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_size": 224}, "does not take pictures of 224 px"),
        ({"input_size": 64}, "does not take pictures of 64 px"),
        ({"input_size": 32}, "does not take pictures of 32 px"),
        ({"classes": ["neutrophil"] * 5}, "named twice"),
        ({"classes": ["a", "b", "c", "d\u0065\u0301", "d\u00e9"]}, "named twice"),
        ({"temperature": 1e-300}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"novelty": {"threshold": float("nan"), "quantile": 0.99}}, "novelty.threshold"),
        ({"weights_mb": float("inf")}, "weights_mb"),
    ],
)
def test_a_card_that_does_not_go_with_its_weights_is_refused(
    folder: Path, fields: dict[str, object], message: str
) -> None:
    alter_card(folder, **fields)
    with pytest.raises(InputError, match=message):
        load_classifier(folder)


def test_classes_in_another_order_than_the_weights_own_are_refused(folder: Path) -> None:
    classes = json.loads((folder / "card.json").read_text())["classes"]
    alter_card(folder, classes=classes[::-1])
    with pytest.raises(InputError, match=r"trained for the classes basophil, eosinophil.*in this order"):
        load_classifier(folder)
    alter_card(folder, classes=classes)
    assert list(load_classifier(folder).card.classes) == classes


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InputError, match="no plain file"):
        load_classifier(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match="no plain file"):
        load_classifier(folder)


def test_one_bad_model_spares_the_rest(folder: Path) -> None:
    make_model(folder.parent, "vgg19")
    alter_card(folder, input_size=32)
    Image.fromarray(draw_cell("monocyte", 1).image).save(folder.parent / "cell.png")
    asked = CliRunner().invoke(app, ["predict", str(folder.parent / "cell.png"), "--checkpoints", str(folder.parent)])
    assert asked.exit_code == 0 and "vgg19: " in asked.stdout and "skipped: islam_cnn" in asked.stderr

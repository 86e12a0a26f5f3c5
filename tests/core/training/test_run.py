"""A whole training run on simulated cells, small enough for every day: train, stop, resume, write, load, answer."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from core.checkpoints import load_classifier
from core.classes import CLASSES
from core.cli.app import app
from core.data.datasets import read_dataset
from core.errors import InputError
from core.simulation import draw_cell
from core.training.finish import fit_temperature
from core.training.recipe import Recipe
from core.training.run import run_training


def write_cells(root: Path, counts: dict[str, int]) -> None:
    """A made-up tree in the layout of PBC."""
    from PIL import Image

    rows = []
    for split, (part, count) in enumerate(counts.items()):
        for number in range(count):
            label = CLASSES[number % 5]
            folder = root / "pbc" / label
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{part}_{number}.png"
            Image.fromarray(draw_cell(label, 500_000 + split * 1000 + number, size=96).image).save(folder / name)
            rows.append({"img_name": name, "label": label.title(), "split": part})
    pd.DataFrame(rows).to_csv(root / "pbc" / "attributes.csv", index=False)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cells")
    write_cells(root, {"train": 30, "val": 10, "test": 10})
    return root


RECIPE = """
name = "tiny"
architecture = "islam_cnn"
patience = 9
average = 0.5
[data]
simulated = 10
[[stages]]
size = 120
epochs = {epochs}
batch_size = 10
learning_rate = 1e-3
"""


def recipe(tmp_path: Path, epochs: int = 2) -> Path:
    file = tmp_path / "tiny.toml"
    file.write_text(RECIPE.format(epochs=epochs))
    return file


def train(cells: Path, tmp_path: Path, *more: str) -> dict[str, object]:
    command = ["train", str(recipe(tmp_path)), "--data", str(cells), "--run", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(
        app, [*command, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "model"), *more]
    )
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_run_writes_a_model_folder_that_answers(cells: Path, tmp_path: Path) -> None:
    card = train(cells, tmp_path)
    folder = tmp_path / "model"
    assert {path.name for path in folder.iterdir()} == {
        "card.json",
        "history.csv",
        "model.safetensors",
        "predictions.parquet",
    }
    classifier = load_classifier(folder)
    assert card["training"]["simulated_images"] == 10 and card["training"]["images"] == 30  # type: ignore[index]
    assert card["test"]["images"] == 10 and card["novelty"]["threshold"] > 0  # type: ignore[index]
    answers = pd.read_parquet(folder / "predictions.parquet")
    assert len(answers) == 10 and {f"logit_{name}" for name in CLASSES} < set(answers.columns)
    logits = answers[[f"logit_{name}" for name in CLASSES]].to_numpy()
    assert [CLASSES[i] for i in logits.argmax(1)] == list(answers["predicted"])
    assert (answers["label"] == answers["predicted"]).mean() == pytest.approx(card["test"]["accuracy"])  # type: ignore[index]
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [0, 1] and history["val_accuracy"].between(0, 1).all()
    assert classifier.predict([draw_cell("monocyte", 1).image])[0].classes == CLASSES


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(cells: Path, tmp_path: Path) -> None:
    data, quiet = read_dataset("pbc", cells), lambda _: None
    stages = [{"size": 120, "epochs": 3, "batch_size": 10, "learning_rate": 1e-3}]
    plan = Recipe.model_validate({"name": "r", "architecture": "islam_cnn", "patience": 9, "stages": stages})
    whole = run_training(plan, data, tmp_path / "whole", tmp_path / "cache", quiet, resume=False)

    class Killed(Exception):
        pass

    def kill_after_two(_: object, trainer: object, *__: object) -> None:
        if trainer.current_epoch == 2:  # type: ignore[attr-defined]
            raise Killed

    from core.training.callbacks import History

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "on_train_epoch_start", kill_after_two)
        with pytest.raises(Killed):
            run_training(plan, data, tmp_path / "cut", tmp_path / "cache", quiet, resume=False)
    resumed = run_training(plan, data, tmp_path / "cut", tmp_path / "cache", quiet, resume=True)
    for one, other in zip(whole.network.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert list(pd.read_csv(tmp_path / "cut" / "history.csv")["epoch"]) == [0, 1, 2]


def test_a_finished_run_can_be_prolonged(cells: Path, tmp_path: Path) -> None:
    data, quiet = read_dataset("pbc", cells), lambda _: None
    stage = {"size": 120, "batch_size": 10, "learning_rate": 1e-3}
    for epochs, resume in ((1, False), (3, True)):
        fields = {"name": "r", "architecture": "islam_cnn", "patience": 9, "stages": [stage | {"epochs": epochs}]}
        run_training(Recipe.model_validate(fields), data, tmp_path / "run", tmp_path / "cache", quiet, resume=resume)
    assert list(pd.read_csv(tmp_path / "run" / "history.csv")["epoch"]) == [0, 1, 2]


def test_resuming_the_wrong_thing_is_refused(cells: Path, tmp_path: Path) -> None:
    data, quiet = read_dataset("pbc", cells), lambda _: None
    stages = [{"size": 120, "epochs": 1, "learning_rate": 1e-3}]
    plan = Recipe.model_validate({"name": "r", "architecture": "islam_cnn", "stages": stages})
    run = tmp_path / "run"
    with pytest.raises(InputError, match="no run to resume"):
        run_training(plan, data, run, tmp_path / "cache", quiet, resume=True)
    run.mkdir()
    (run / "recipe.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run_training(plan, data, run, tmp_path / "cache", quiet, resume=True)
    (run / "recipe.json").write_text(plan.model_copy(update={"seed": 5}).model_dump_json())
    with pytest.raises(InputError, match="another recipe"):
        run_training(plan, data, run, tmp_path / "cache", quiet, resume=True)
    with pytest.raises(InputError, match="holds a run already"):
        run_training(plan, data, run, tmp_path / "cache", quiet, resume=False)
    unknown = plan.model_copy(update={"architecture": "alexnet"})
    with pytest.raises(InputError, match="No architecture"):
        run_training(unknown, data, tmp_path / "unused", tmp_path / "cache", quiet, resume=False)
    assert not (tmp_path / "unused").exists()


def test_temperature_finds_the_scale_of_overconfident_logits() -> None:
    random = torch.Generator().manual_seed(0)
    honest = torch.randn(20000, 5, generator=random) * 1.5
    labels = torch.multinomial(torch.softmax(honest, 1), 1, generator=random)[:, 0]
    assert fit_temperature(honest * 3, labels) == pytest.approx(3, rel=0.05)

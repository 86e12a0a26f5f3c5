"""What is wrong is told before anything is trained, and what an earlier run has told stays told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import Result
from pydantic import ValidationError
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.app import app
from core.data.loading import read_boxed
from core.errors import InputError
from core.models.card import CardScore, ModelCard
from core.models.checkpoints import load_classifier
from core.models.classifier import to_tensor
from core.models.registry import architecture
from core.runs.directory import RunDirectory
from core.training import export, fit
from core.training.batches import ValidationBatches
from core.training.export import with_test_scores
from core.training.fit import run_training
from core.training.session import LOG, logged
from core.training.weights import initial_network, towards_first
from tests.support import trainings
from tests.support.tiny_models import make_model
from tests.support.training_processes import PATIENCE, environment
from tests.support.trainings import job_of, recipe_of

pytestmark = pytest.mark.usefixtures("toys")
RECIPE = 'name = "toy"\narchitecture = "toy_plain"\n[data]\nframing = "frame"\n[[stages]]\nsize = 32\nepochs = 1\n'


def train(cells: Path, folder: Path, *more: str) -> Result:
    file = folder / "toy.toml"
    file.write_text(RECIPE + "batch_size = 10\nlearning_rate = 1e-3\n")
    places = ["--data", str(cells), "--run", str(folder / "run"), "--cache", str(folder / "cache")]
    return CliRunner().invoke(app, ["train", str(file), *places, "--no-leak-check", *more])


@pytest.mark.parametrize(
    ("more", "told"), [((), "holds a run already"), (("--resume", "--seed", "9"), "another recipe")]
)
def test_a_done_run_stays_done_when_another_is_refused(
    cells: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    assert train(cells, tmp_path).exit_code == 0
    before = RunDirectory(tmp_path / "run").status()
    refused = train(cells, tmp_path, *more)
    assert refused.exit_code == 2 and told in refused.stderr
    assert before is not None and before.state == "done" and RunDirectory(tmp_path / "run").status() == before


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--architecture", "islam_cnn", "--size", "64"), "does not take images of 64 px"),
        (("--architecture", "alexnet"), "No architecture"),
        (("--weights", "nowhere.safetensors"), "No weights can be read"),
        (("--out", "/dev/null/model"), "No model can be written"),
        (("--set", 'data.also=["pbc"]'), "trained on already"),
    ],
    ids=["size", "architecture", "weights", "out", "also"],
)
def test_what_cannot_be_trained_is_refused_before_images_are_framed(
    cells: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    refused = train(cells, tmp_path, *more)
    assert refused.exit_code == 2 and told in refused.stderr
    assert not (tmp_path / "cache").exists()
    status = RunDirectory(tmp_path / "run").status()
    assert status is not None and status.state == "failed" and told in status.message


def test_nothing_but_our_own_words_is_said(cells: Path, tmp_path: Path) -> None:
    script = Path(trainings.__file__)
    words = ["train", str(tmp_path / "toy.toml"), "--data", str(cells), "--run", str(tmp_path / "run")]
    (tmp_path / "toy.toml").write_text(
        RECIPE.replace("toy_plain", "islam_cnn").replace("32", "96") + "learning_rate = 1e-3\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "core", *words, "--cache", str(tmp_path / "cache"), "--no-leak-check"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env=environment(),
        cwd=script.parents[2],
    )
    for word in ("GPU", "TPU", "Tip", "weights_only", "Trainer"):
        assert word not in process.stdout + process.stderr


def test_a_file_is_no_runs_folder(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    refused = train(cells, tmp_path)
    assert refused.exit_code == 2 and "No run can be kept" in refused.stderr
    assert (tmp_path / "run").read_text() == "mine"


def test_a_stain_that_was_trained_on_is_not_called_unseen(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(classifier: Any, part: tuple[str, str, str], root: Path | None) -> CardScore:
        return CardScore(data=part[0], images=1, accuracy=1.0, mean_recall=None, recall={}, counts={})

    monkeypatch.setattr(export, "_kept_back", ask)
    monkeypatch.setattr(export, "load_classifier", lambda out: None)
    job = job_of(cells, tmp_path, recipe_of(data={"framing": "frame", "also": ["lisc"]}))
    job.data.table["split"] = "train"
    card = with_test_scores(ModelCard.model_construct(), tmp_path, job)
    assert [score.data for score in card.held_back] == ["lisc"]
    assert [score.data for score in card.unseen] == ["raabin", "jtsc"]


def test_a_laboratory_that_is_left_out_is_neither_trained_on_nor_judged_by(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(data={"framing": "frame", "also": ["raabin", "lisc"], "leave_out": "lisc"})
    job = job_of(cells, tmp_path, recipe)
    further = {name: job.data.split("test").assign(split=split) for name, split in (("raabin", "val"), ("lisc", "all"))}
    further["raabin"] = pd.concat([further["raabin"], job.data.split("test").assign(split="train")])
    further["raabin"].index = range(1000, 1000 + len(further["raabin"]))
    monkeypatch.setattr(fit, "_further", lambda name, job: further[name])
    train, validation = fit.framed_sides(job)
    tested = len(job.data.split("test"))
    assert len(train.labels) == len(job.data.split("train")) + tested and int(train.source.amax()) == 1
    assert len(validation.labels) == len(job.data.split("val")) + tested and int(validation.source.amax()) == 1
    monkeypatch.setattr(export, "read_data", lambda place, name: replace(job.data, name=name, title="LISC"))
    table, title = export._tested(replace(job, place=cells))
    assert len(table) == len(job.data.table) and title == "LISC: left out of training"


def test_what_remains_without_a_laboratory_must_be_enough(cells: Path, tmp_path: Path) -> None:
    job = job_of(cells, tmp_path, recipe_of(data={"framing": "frame", "leave_out": "pbc"}))
    with pytest.raises(InputError, match="Without pbc there is nothing to train"):
        fit.framed_sides(replace(job, data=replace(job.data, name="pbc")))
    with pytest.raises(ValidationError, match="no known set"):
        recipe_of(data={"leave_out": "mars"})


def test_copies_of_one_sets_photographs_do_not_join_it(cells: Path, tmp_path: Path) -> None:
    job = job_of(cells, tmp_path, recipe_of(data={"framing": "frame", "also": ["bccd"]}))
    object.__setattr__(job.data, "name", "kaggle")
    with pytest.raises(InputError, match="copies of BCCD's"):
        run_training(job)


def test_further_sets_are_taken_as_often_as_asked_and_counted_once(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(cells, tmp_path, recipe_of(data={"framing": "frame", "also": ["lisc"], "also_times": 3}))
    own, strangers = job.data.split("train"), job.data.split("val").assign(split="all")
    monkeypatch.setattr(fit, "_further", lambda name, job: strangers)
    train, _ = fit.framed_sides(job)
    assert len(train.labels) == len(own) + 3 * len(strangers)
    facts = export.images_of(train, job.recipe)
    assert facts == len(own) + len(strangers)


def test_a_result_lies_between_the_first_and_the_trained_weights(tmp_path: Path) -> None:
    make_model(tmp_path, "first")
    trained = architecture("islam_cnn").build(5)
    began = load_classifier(tmp_path / "first").network.state_dict()
    ended = {key: value.clone() for key, value in trained.state_dict().items()}
    recipe = recipe_of(architecture="islam_cnn", weights=str(tmp_path / "first"), trained_share=0.25)
    _, origin = initial_network(recipe, CLASSES)
    blend = towards_first(trained, recipe, CLASSES, origin).state_dict()
    for key, value in ended.items():
        expected = 0.75 * began[key] + 0.25 * value if value.is_floating_point() else value
        torch.testing.assert_close(blend[key], expected)
    towards_first(trained, recipe, CLASSES, origin.replace("first", "a former name"))
    with pytest.raises(InputError, match="began with, checkpoint x"):
        towards_first(trained, recipe, CLASSES, "checkpoint x")
    with pytest.raises(ValidationError, match="needs first weights"):
        recipe_of(trained_share=0.5, weights="none")


def test_first_weights_are_called_by_their_run(tmp_path: Path) -> None:
    make_model(tmp_path / "long run", "model")
    recipe = recipe_of(architecture="islam_cnn", weights=str(tmp_path / "long run" / "model"))
    assert initial_network(recipe, CLASSES)[1].startswith("checkpoint long run (SHA-256 ")


def test_without_augmentation_training_sees_the_pixels_that_a_classifier_is_given(cells: Path, tmp_path: Path) -> None:
    stages = [{"size": 32, "epochs": 1, "batch_size": 8, "learning_rate": 1e-3}]
    job = job_of(cells, tmp_path, recipe_of(stages=stages, augment={"on": False}, data={"framing": "frame"}))
    train, validation = fit.framed_sides(job)
    for pack, split in ((train, "train"), (validation, "val")):
        pictures = [read_boxed(Path(path)) for path in job.data.split(split)["path"]]
        seen = torch.cat([views for views, _, _ in ValidationBatches(pack, 32)])
        torch.testing.assert_close(seen, to_tensor(pictures, 32), rtol=0, atol=1e-5)


def test_what_is_done_before_and_after_the_epochs_is_the_status(tmp_path: Path) -> None:
    directory, said = RunDirectory(tmp_path), []
    tell = logged(said.append, directory)
    directory.report(state="preparing", message="Reading the images")
    tell("read 512/12444 images")
    assert RunDirectory(tmp_path).status().message == "read 512/12444 images"
    tell("a box\nof two lines")
    directory.report(state="training", message="Epoch 1 of 3")
    tell("by the way")
    assert RunDirectory(tmp_path).status().message == "Epoch 1 of 3"
    assert said == ["read 512/12444 images", "a box\nof two lines", "by the way"]
    assert (tmp_path / LOG).read_text() == "read 512/12444 images\na box\nof two lines\nby the way\n"

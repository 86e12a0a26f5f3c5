"""What version 0.1 wrote still opens: addresses, parameter files, run folders, predictions and evidence bundles.

The files in `tests/fixtures/version-0.1` were written by that version, from simulated cells alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from typer.testing import CliRunner

from core.cli.app import app
from core.evaluation.history import read_history
from core.evaluation.predictions import read_answers
from core.models.card import ModelCard
from core.preprocessing.parameters import CellParameters
from core.runs.directory import RunDirectory
from core.runs.listing import list_runs
from core.training.launch import read_spec
from core.training.recipe import checked_recipe, read_recipe
from dashboard import url

OLD = Path(__file__).parents[1] / "fixtures" / "version-0.1"
LINKS = json.loads((OLD / "addresses.json").read_text())


DEFAULT_SINCE = ("roc",)  # what was a choice then is the default now


def plain(value: Any) -> Any:
    """A choice as JSON has it."""
    if hasattr(value, "model_dump_json"):
        return json.loads(value.model_dump_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("link", LINKS, ids=[link["query"][:40] for link in LINKS])
def test_a_link_makes_the_choices_that_it_made_then(link: dict[str, Any]) -> None:
    values, problems = url.read(dict(parse_qsl(link["query"])))
    assert sorted(problems) == link["problems"]
    chosen = {name: plain(value) for name, value in values.items() if value != url.BY_NAME[name].default}
    since = {name: plain(values[name]) for name in DEFAULT_SINCE if name in link["values"]}
    assert chosen | since == link["values"]
    assert url.written(values) == {name: text for name, text in link["written"].items() if name not in since}


def test_a_parameter_file_is_read() -> None:
    text = (OLD / "parameters.json").read_text()
    assert plain(CellParameters.from_json(text)) == json.loads(text)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    shutil.copytree(OLD / "run", tmp_path / "from-page")
    shutil.copytree(OLD / "model", tmp_path / "from-page" / "model")
    return tmp_path


def test_a_run_folder_is_listed_and_read(runs: Path) -> None:
    (entry,) = list_runs(runs).runs
    assert (entry.name, entry.state, entry.problem) == ("from-page", "done", "")
    run = RunDirectory(runs / "from-page")
    assert not run.problems()
    order = read_spec(run.path)
    assert (order.data, order.dataset, order.gpus) == ("/data/cells", "auto", ())
    begun = checked_recipe(json.loads((run.path / "recipe.json").read_text()), "recipe.json")
    assert read_recipe(str(run.path / "order.toml")) == begun
    assert [(stage.size, stage.epochs) for stage in begun.stages] == [(32, 2)]
    history = read_history(run.path / "history.csv")
    assert history.epochs == (0, 1) and history.columns["val_loss"][1] == pytest.approx(
        last(run.path / "history.csv", "val_loss")
    )


def last(path: Path, column: str) -> float:
    """The last figure of a column, by hand."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return float(rows[-1][rows[0].index(column)])


def test_a_card_and_its_predictions_are_read() -> None:
    card = ModelCard.model_validate_json((OLD / "model" / "card.json").read_text())
    answers = read_answers(OLD / "model" / "predictions.parquet", card.classes)
    assert card.training.images == 20 and len(answers.labels) > 0
    assert card.test is not None and float(np.mean(answers.labels == answers.predicted)) == card.test.accuracy


def test_a_bundle_opens_and_the_same_command_still_gives_its_maps(tmp_path: Path) -> None:
    old = files((OLD / "bundle.zip").read_bytes())
    then = json.loads(old["manifest.json"])
    (tmp_path / "cell.png").write_bytes(old["image.png"])
    words = [
        "explain",
        str(tmp_path / "cell.png"),
        "--model",
        "mobilenet_v3_small",
        "--method",
        "gradcam",
        "--method",
        "lime",
    ]
    words += ["--set", "lime.samples=60", "--class", "basophil", "--class", "monocyte"]
    words += ["--precision", "float32", "--scores"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "now.zip")])
    assert done.exit_code == 0, done.output
    new = files((tmp_path / "now.zip").read_bytes())
    now = json.loads(new["manifest.json"])
    assert set(old) <= set(new)
    assert missing(then, now) == []
    assert then["parameters"].items() <= now["parameters"].items() and len(then["files"]) == len(old) - 1
    assert then["files"] == {name: hashlib.sha256(old[name]).hexdigest() for name in then["files"]}
    if now["models"][0]["weights_sha256"] == then["models"][0]["weights_sha256"]:
        for name in ("mobilenet_v3_small/gradcam.npz", "mobilenet_v3_small/lime.npz"):
            one, other = values(old[name]), values(new[name])
            assert np.abs(one - other).max() <= 1e-3 * np.abs(one).max(), name


def files(data: bytes) -> dict[str, bytes]:
    """What a zip holds."""
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def values(data: bytes) -> np.ndarray:
    """The raw values of a map."""
    with np.load(io.BytesIO(data)) as arrays:
        return np.asarray(arrays["values"])


def missing(then: Any, now: Any, place: str = "") -> list[str]:
    """The keys of an old document that a new one lacks."""
    if isinstance(then, dict):
        if not isinstance(now, dict):
            return [place]
        gone = [f"{place}.{key}" for key in then if key not in now]
        return gone + [each for key in then if key in now for each in missing(then[key], now[key], f"{place}.{key}")]
    if isinstance(then, list) and then and isinstance(now, list):
        return [each for one, other in zip(then, now, strict=False) for each in missing(one, other, f"{place}[]")]
    return []

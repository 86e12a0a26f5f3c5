"""`preprocess` as a user types it: stages, masks, bounds, and refusals in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.cli.preprocess import output_folders, preprocess
from core.preprocessing.parameters import PRESETS, CellParameters
from core.preprocessing.pipeline import STAGES
from tests.support.smears import NUCLEUS, field, paint

app = typer.Typer()
app.command()(preprocess)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    rgb = field()
    paint(rgb, 150, 90, 30, NUCLEUS)
    path = tmp_path / "cell.png"
    Image.fromarray(rgb).save(path)
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "blank.png"
    Image.fromarray(field()).save(path)
    return path


def test_json_lists_every_image(cell: Path, blank: Path) -> None:
    result = run(cell, blank, "--json")
    assert result.exit_code == 0
    found, missing = json.loads(result.stdout)
    assert (found["image"], found["found"], found["mode"]) == (str(cell), True, "bccd")
    x, y, width, height = found["box"]
    assert x <= 120 and y <= 60 and x + width >= 181 and y + height >= 121
    assert 61 <= width <= 67 and 61 <= height <= 67
    assert (found["lower"], found["upper"]) == ([80, 80, 180], [180, 170, 245])
    assert missing["found"] is False and missing["box"] is None and missing["reason"]


def test_out_gets_every_stage_and_the_mask(cell: Path, tmp_path: Path) -> None:
    result = run(cell, "--out", tmp_path / "out", "--json")
    folder = tmp_path / "out" / "cell"
    assert {path.name for path in folder.iterdir()} == {f"{name}.png" for name in (*STAGES, "mask")}
    mask = np.asarray(Image.open(folder / "mask.png"))
    assert mask.shape == (240, 320) and set(np.unique(mask)) == {0, 255}
    x, y, width, height = json.loads(result.stdout)[0]["box"]
    assert (
        mask[y : y + height, x : x + width].any()
        and mask.astype(bool).sum() == mask[y : y + height, x : x + width].astype(bool).sum()
    )
    assert Image.open(folder / "resized.png").size == (120, 120)


def test_bounds_of_the_users_own(cell: Path) -> None:
    entry = json.loads(run(cell, "--lower", "119,99,199", "--upper", "121, 101, 201", "--json").stdout)[0]
    assert entry["found"] and entry["mode"] == "manual"
    assert (entry["lower"], entry["upper"]) == ([119, 99, 199], [121, 101, 201])


def test_automatic_and_saved_parameters(cell: Path, tmp_path: Path) -> None:
    assert json.loads(run(cell, "--auto", "--json").stdout)[0]["mode"] == "automatic"
    saved = tmp_path / "saved.json"
    saved.write_text(CellParameters(mode="pbc", upper=(181, 170, 245)).to_json())
    entry = json.loads(run(cell, "--parameters", saved, "--json").stdout)[0]
    assert entry["mode"] == "manual" and entry["upper"] == [181, 170, 245]
    saved.write_text(PRESETS["pbc"].parameters.to_json())
    assert json.loads(run(cell, "--parameters", saved, "--json").stdout)[0]["mode"] == "pbc"


def test_saved_bounds_are_used_as_saved_and_a_bare_automatic_suggests_them(cell: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text(CellParameters(mode="automatic", lower=(119, 99, 199), upper=(121, 101, 201)).to_json())
    entry = json.loads(run(cell, "--parameters", saved, "--json").stdout)[0]
    assert (entry["mode"], entry["lower"], entry["upper"]) == ("manual", [119, 99, 199], [121, 101, 201])
    saved.write_text(CellParameters(mode="automatic").to_json())
    suggested = json.loads(run(cell, "--auto", "--json").stdout)
    assert json.loads(run(cell, "--parameters", saved, "--json").stdout) == suggested


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preset", "wright"], "No preset 'wright'"),
        (["--lower", "1,2,3"], "both --lower and --upper"),
        (["--lower", "1,2", "--upper", "9,9,9"], "--lower '1,2' is no colour"),
        (["--lower", "1,2,3", "--upper", "x,9,9"], "is no colour"),
        (["--lower", "10,2,3", "--upper", "9,9,9"], "lower bound of red (10) is above"),
        (
            ["--lower", "1,2,3", "--upper", "9,9,900"],
            "upper must be red, green and blue, each a whole number",
        ),
        (["--auto", "--preset", "pbc"], "not several"),
        (["--auto", "--lower", "1,2,3", "--upper", "9,9,9"], "not several"),
        (["--parameters", "nowhere.json"], "nowhere.json"),
    ],
)
def test_bad_options_are_said_in_one_line(cell: Path, options: list[str], said: str) -> None:
    result = run(cell, "--json", *options)
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


def test_an_unreadable_image_does_not_cost_the_others(cell: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    result = run(text, cell, "--json")
    assert result.exit_code == 2 and "text.png" in result.stderr
    assert [entry["image"] for entry in json.loads(result.stdout)] == [str(cell)]


def test_a_file_in_the_way_of_out(cell: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    result = run(cell, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "--out" in result.stderr


def test_stems_that_collide_get_folders_of_their_own() -> None:
    files = [Path(name) for name in ("a.png", "b/a.jpg", "A.png", "a-2.png", "c.png", "d/a-2.png")]
    folders = output_folders(Path("out"), files)
    names = [str(folder.name).casefold() for folder in folders.values() if folder]
    assert len(set(names)) == len(files)
    assert [str(folders[Path(name)]) for name in ("a.png", "a-2.png", "c.png")] == ["out/a", "out/a-2", "out/c"]

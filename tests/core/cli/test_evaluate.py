"""`evaluate` as a user types it: figures, leaks counted out, classes and images that do not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.app import app
from core.errors import InputError
from core.leaks.grouping import shared_with
from core.simulation import draw_cell
from tests.support.tiny_models import make_model


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A listing of cells with splits: in test, one copy of a training image, one unreadable file, one other class."""
    folder = tmp_path_factory.mktemp("cells")
    rows = []
    for number, (label, split) in enumerate(
        [
            ("neutrophil", "train"),
            ("monocyte", "train"),
            ("neutrophil", "test"),
            ("monocyte", "test"),
            ("blast", "test"),
        ]
    ):
        (folder / label).mkdir(exist_ok=True)
        drawn = draw_cell("monocyte" if label == "blast" else label, number, size=96).image
        Image.fromarray(drawn).save(folder / label / f"{number}.png")
        rows.append({"path": f"{label}/{number}.png", "label": label, "split": split})
    (folder / "monocyte" / "copy.png").write_bytes((folder / "monocyte" / "1.png").read_bytes())
    (folder / "monocyte" / "broken.png").write_bytes((folder / "monocyte" / "1.png").read_bytes()[:300])
    rows += [{"path": f"monocyte/{name}.png", "label": "monocyte", "split": "test"} for name in ("copy", "broken")]
    pd.DataFrame(rows).to_csv(folder / "cells.csv", index=False)
    return folder


def test_what_does_not_fit_is_counted_out_and_said(root: Path, cells: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", "--data", cells / "cells.csv", "--model", "second", "--checkpoints", root]
    result = run(*arguments, "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    entry = json.loads(result.stdout)[0]
    assert entry["images"] == 3 and entry["counts"]["monocyte"] == 2 and entry["without_leaks"] is None
    assert len(entry["unreadable"]) == 1 and "broken" in entry["unreadable"][0]["image"]
    assert any("blast 1" in note for note in entry["notes"])
    figures = entry["figures"]
    assert figures["images"] == 3 and np.sum(figures["confusion"]) == 3
    assert figures["accuracy"]["value"] == entry["accuracy"] and len(figures["roc"]) == len(CLASSES)
    assert json.loads((tmp_path / "figures.json").read_text()) == [entry]
    answers = pd.read_parquet(tmp_path / "second.parquet")
    assert "row" not in answers and len(answers) == 3 and answers["sha256"].str.len().eq(16).all()
    told = run(*arguments).stdout
    assert "second: accuracy" in told and "broken.png" in told and "mean recall not said" in told


def test_figures_without_images_that_share_a_photograph(
    root: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The groups are given, so that the search itself is not needed here: rows 1 and "copy" are one photograph."""
    asked = []

    def groups(table: pd.DataFrame, *rest: object) -> np.ndarray:
        asked.append(rest[0])
        names = [Path(path).name.replace("copy", "1") for path in table["path"]]
        return np.unique(names, return_inverse=True)[1]

    monkeypatch.setattr("core.cli.evaluate.photographs_of", groups)
    arguments = ["evaluate", "--data", cells / "cells.csv", "--model", "second", "--checkpoints", root, "--json"]
    for option in (["--without-leaks"], ["--exclude-duplicates-of", "train"]):
        entry = json.loads(run(*arguments, *option).stdout)[0]
        without = entry["without_leaks"]
        assert entry["images"] == 3 and without["left_out"] == 1 and without["images"] == 2
        assert without["figures"]["images"] == 2 and "hold too" in without["data"]
    refused = run(*arguments, "--exclude-duplicates-of", "val")
    assert refused.exit_code == 2 and "No other split 'val'" in refused.stderr and len(asked) == 2


def test_a_model_of_four_classes_is_measured_on_those(cells: Path, tmp_path: Path) -> None:
    make_model(tmp_path, "four", card={"classes": ["blast", "b", "c", "d", "monocyte"]})
    result = run("evaluate", "--data", cells / "cells.csv", "--checkpoints", tmp_path, "--json")
    entry = json.loads(result.stdout)[0]
    assert entry["images"] == 3 and entry["counts"]["blast"] == 1 and "neutrophil 1" in " ".join(entry["notes"])
    make_model(tmp_path / "strange", "none", card={"classes": list("vwxyz")})
    refused = run("evaluate", "--data", cells / "cells.csv", "--checkpoints", tmp_path / "strange")
    assert refused.exit_code == 2 and "knows none of the classes" in refused.stderr


def test_a_file_name_that_is_no_utf_8(root: Path, tmp_path: Path) -> None:
    """Linux allows any bytes; tables and many terminals take UTF-8 alone."""
    for number, label in enumerate(("monocyte", "neutrophil")):
        (tmp_path / "cells" / label).mkdir(parents=True)
        Image.fromarray(draw_cell(label, number, size=96).image).save(tmp_path / "cells" / label / "0.png")
    whole = (tmp_path / "cells" / "monocyte" / "0.png").read_bytes()
    (tmp_path / "cells" / "monocyte" / "good\udcfe.png").write_bytes(whole)
    (tmp_path / "cells" / "monocyte" / "bad\udcff.png").write_bytes(whole[:300])
    result = run(
        "evaluate", "--data", tmp_path / "cells", "--model", "second", "--checkpoints", root, "--out", tmp_path / "out"
    )
    assert result.exit_code == 0, result.stderr
    answers = pd.read_parquet(tmp_path / "out" / "second.parquet")
    assert set(answers["image"]) == {"monocyte/0.png", "monocyte/good?.png", "neutrophil/0.png"}
    assert "bad?.png" in result.stdout


def test_what_cannot_be_done_is_told_before_the_work(
    root: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*rest: object) -> None:
        raise AssertionError("the images were read")

    monkeypatch.setattr("core.cli.evaluate.ask_all", never)
    monkeypatch.setattr("core.cli.evaluate.photographs_of", never)
    (tmp_path / "file").write_text("")
    (tmp_path / "plain.csv").write_text(
        f"path,label\n{cells}/monocyte/1.png,monocyte\n{cells}/neutrophil/0.png,neutrophil\n"
    )
    arguments = ["evaluate", "--model", "second", "--checkpoints", root, "--data"]
    for options, message in (
        ([cells / "cells.csv", "--out", tmp_path / "file"], "Cannot write"),
        ([cells / "cells.csv", "--framing", "round"], "No framing 'round'"),
        ([tmp_path / "plain.csv", "--without-leaks"], "All images are in split 'all'"),
        (["x" * 300], "no path that can be read"),
    ):
        refused = run(*arguments, *options)
        assert refused.exit_code == 2 and message in refused.stderr, refused.output


def test_columns_stay_apart(root: Path, tmp_path: Path) -> None:
    """100.00% (87.1% to 100.0%) is the widest entry; a class of another's making may have a long name."""
    make_model(tmp_path, "long", card={"classes": ["monocyte", "neutrophil", "a cell with a long name", "y", "z"]})
    for label in ("monocyte", "neutrophil"):
        (tmp_path / "cells" / label).mkdir(parents=True)
        Image.fromarray(draw_cell(label, 0, size=96).image).save(tmp_path / "cells" / label / "0.png")
    told = run("evaluate", "--data", tmp_path / "cells", "--checkpoints", tmp_path, "--model", "long").stdout
    lines = told.splitlines()
    rows = [re.split(r" {2,}", line.strip()) for line in lines[1:7]]
    assert [len(row) for row in rows] == [6, 7, 7, 7, 7, 7] and len({len(line) for line in lines[1:7]}) == 1


def test_rows_that_share_a_photograph_with_other_splits() -> None:
    splits = ["train", "test", "val", "test", "test", "train"]
    photographs = np.array([7, 7, 8, 8, 9, 1])
    assert shared_with(splits, photographs, "test").tolist() == [True, True, False]
    assert shared_with(splits, photographs, "test", ["val"]).tolist() == [False, True, False]
    with pytest.raises(InputError, match="'test'"):
        shared_with(splits, photographs, "test", ["test"])


def test_copies_in_another_split_are_found_by_themselves(root: Path, cells: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", "--data", cells / "cells.csv", "--model", "second", "--checkpoints", root, "--json"]
    result = run(*arguments, "--without-leaks", "--cache", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)[0]["without_leaks"]["left_out"] == 1

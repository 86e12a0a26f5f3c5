"""`explain --html`, and `explain` of a folder: a page each, an index, and only what is missing when given again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.cli import explain_folder
from core.cli.app import app
from core.explanation.evidence import MANIFEST
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import LibraryAnswer
from core.simulation import draw_cell

IMAGES = ("a.png", "b.png", "below/a.png")


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Three cells, two of them of one name, and a file that is no picture."""
    folder = tmp_path / "cells"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(IMAGES):
        Image.fromarray(draw_cell("monocyte", number, size=120).image).save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def run(cells: Path, root: Path, out: Path, *more: str | Path) -> Result:
    options = [cells, "--model", "second", "--checkpoints", root, "--out", out, "--json", *more]
    return CliRunner().invoke(app, ["explain", *map(str, options)])


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that work was done for, in order."""
    real, names = explain_folder.carried_out, []

    def counting(order: object, decoded: object, planned: object, stop: object) -> object:
        names.append(decoded.name)  # type: ignore[attr-defined]
        return real(order, decoded, planned, stop)  # type: ignore[arg-type]

    monkeypatch.setattr(explain_folder, "carried_out", counting)
    return names


def places(out: Path) -> dict[str, Path]:
    """By the image's hash the folder that holds its evidence."""
    return {json.loads(path.read_text())["image"]["sha256"]: path.parent for path in out.glob(f"*/{MANIFEST}")}


def test_each_image_gets_a_folder_and_the_index_leads_there(root: Path, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(cells, root, out)
    assert result.exit_code == 2 and "broken.png" in result.stderr and "Traceback" not in result.stderr
    document = json.loads(result.stdout)
    assert (document["computed"], document["kept"]) == (3, 0)
    assert [fault["image"] for fault in document["faults"]] == ["broken.png"]
    index = (out / "index.html").read_text()
    assert len(places(out)) == 3 and index.count("/page.html") == 3 and "broken.png" in index
    for place in places(out).values():
        assert f"{place.name}/page.html" in index and "<figure" in (place / "page.html").read_text()
        assert (place / "second" / "gradcam.npz").is_file()


def test_given_again_only_what_is_missing_is_done(root: Path, cells: Path, tmp_path: Path, worked: list[str]) -> None:
    out = tmp_path / "out"
    (cells / "broken.png").unlink()
    assert run(cells, root, out).exit_code == 0 and sorted(worked) == ["a.png", "a.png", "b.png"]
    worked.clear()
    assert run(cells, root, out).exit_code == 0 and worked == []
    (out / "b.png" / "second" / "gradcam.npz").write_bytes(b"cut")
    before = {path: path.read_bytes() for path in out.glob("a.png/**/*") if path.is_file()}
    document = json.loads(run(cells, root, out).stdout)
    assert worked == ["b.png"] and (document["computed"], document["kept"]) == (1, 2)
    assert before == {path: path.read_bytes() for path in out.glob("a.png/**/*") if path.is_file()}
    worked.clear()
    Image.fromarray(draw_cell("basophil", 9, size=120).image).save(cells / "new.png")
    (out / "a.png" / "page.html").unlink()
    run(cells, root, out)
    assert worked == ["a.png", "new.png"]


@pytest.mark.parametrize("more", [["--seed", "5"], ["--method", "layercam"], ["--opacity", "0.9"]])
def test_another_order_is_done_anew(
    root: Path, cells: Path, tmp_path: Path, worked: list[str], more: list[str]
) -> None:
    out = tmp_path / "out"
    run(cells, root, out)
    worked.clear()
    run(cells, root, out, *more)
    assert sorted(worked) == ["a.png", "a.png", "b.png"]


def test_a_changed_image_is_done_anew(root: Path, cells: Path, tmp_path: Path, worked: list[str]) -> None:
    out = tmp_path / "out"
    run(cells, root, out)
    worked.clear()
    Image.fromarray(draw_cell("basophil", 9, size=120).image).save(cells / "b.png")
    run(cells, root, out)
    assert worked == ["b.png"]


def test_ctrl_c_leaves_what_is_whole_and_the_next_run_goes_on(
    root: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen, out = explain_folder.carried_out, [], tmp_path / "out"

    def press(order: object, decoded: object, planned: object, stop: object) -> object:
        found = real(order, decoded, planned, stop)  # type: ignore[arg-type]
        seen.append(1)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(explain_folder, "carried_out", press)
    result = run(cells, root, out)
    assert result.exit_code == 130 and json.loads(result.stdout)["stopped"]
    assert len(places(out)) == 2 and "Stopped before" in (out / "index.html").read_text()
    document = json.loads(run(cells, root, out).stdout)
    assert (document["computed"], document["kept"]) == (1, 2) and len(seen) == 3


@pytest.mark.parametrize("agrees", [True, False])
def test_maps_that_differ_end_with_1_also_where_they_were_there_already(
    root: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked: list[str], agrees: bool
) -> None:
    def act(process: ReferenceProcess) -> None:
        process.answer, process._state = LibraryAnswer(np.eye(120, dtype=np.float32)[None], 1.0), "done"

    monkeypatch.setattr(ReferenceProcess, "start", act)
    monkeypatch.setattr(ReferenceCheck, "agrees", property(lambda _: agrees))
    out, code = tmp_path / "out", 0 if agrees else 1
    (cells / "broken.png").unlink()
    assert run(cells, root, out, "--verify").exit_code == code and len(worked) == 3
    again = run(cells, root, out, "--verify")
    assert again.exit_code == code and len(worked) == 3 and json.loads(again.stdout)["kept"] == 3
    assert run(cells, root, out).exit_code == 0  # where nothing was to be compared


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"complete": true}', b'{"complete": true, "models": [7]}'])
def test_a_damaged_manifest_is_done_anew(root: Path, cells: Path, tmp_path: Path, manifest: bytes) -> None:
    out = tmp_path / "out"
    run(cells, root, out)
    (out / "a.png" / MANIFEST).write_bytes(manifest)
    assert json.loads(run(cells, root, out).stdout)["computed"] == 1
    assert json.loads((out / "a.png" / MANIFEST).read_text())["complete"]


def test_maps_written_into_the_folder_itself_are_not_explained(root: Path, cells: Path) -> None:
    run(cells, root, cells / "maps")
    document = json.loads(run(cells, root, cells / "maps").stdout)
    assert (document["computed"], document["kept"]) == (0, 3)


@pytest.mark.parametrize(
    ("more", "told"),
    [(["--mask", "m.png"], "--mask is for one image"), (["--html", "p.html"], "--html is for one image")],
)
def test_what_is_for_one_image_is_refused_for_a_folder(
    root: Path, cells: Path, tmp_path: Path, more: list[str], told: str
) -> None:
    result = run(cells, root, tmp_path / "out", *more)
    assert result.exit_code == 2 and told in result.stderr and not (tmp_path / "out").exists()
    assert "must be a folder too" in run(cells, root, tmp_path / "out.zip").stderr


def test_one_image_as_a_page_alone(root: Path, cells: Path, tmp_path: Path) -> None:
    options = [cells / "a.png", "--model", "second", "--checkpoints", root]
    page = tmp_path / "sub" / "page.html"
    result = CliRunner().invoke(app, ["explain", *map(str, options), "--html", str(page)])
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]
    text = page.read_text()
    assert text.count("<figure") == 2 + 5 and "a.png" in text and "://" not in text
    result = CliRunner().invoke(app, ["explain", *map(str, options)])
    assert result.exit_code == 2 and "--out" in result.stderr and "--html" in result.stderr
    result = CliRunner().invoke(app, ["explain", *map(str, options), "--html", str(tmp_path)])
    assert result.exit_code == 2 and "is a folder" in result.stderr


def test_an_image_that_is_too_small_costs_itself_alone(root: Path, cells: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(cells / "tiny.png")
    document = json.loads(run(cells, root, tmp_path / "out").stdout)
    assert sorted(fault["image"] for fault in document["faults"]) == ["broken.png", "tiny.png"]
    assert document["computed"] == 3

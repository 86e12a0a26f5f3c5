"""`audit` as a pipeline calls it: documents, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from core.cli.app import app
from tests.support.datasets import cell


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    for number in range(12):
        label = ("basophil", "monocyte")[number % 2]
        cell(folder / label / f"{number}.png", number, label)
    return folder


def audit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_a_limit_that_fails_ends_with_1_and_the_report_is_written(root: Path, cells: Path, tmp_path: Path) -> None:
    words = ("--checkpoints", root, "--model", "islam_cnn", "--data", cells, "--out", tmp_path / "out", "--json")
    words += ("--steps", "performance,looks", "--sample", "5")
    result = audit(*words, "--require", "accuracy>=1.0", "--require", "accuracy<=1")
    assert result.exit_code == 1, result.stderr
    document = json.loads(result.stdout)
    assert [one["status"] for one in document["conditions"]] == ["failed", "passed"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "parts", "report.html", "report.pdf", "report.json", "images.csv", "exports", "evidence.zip", "run.lock",
        "status.json", "conditions.json",
    }  # fmt: skip
    assert document["frozen"]["conditions"] == ["accuracy<=1.0", "accuracy>=1.0"]
    assert audit(*words[:-6], tmp_path / "again", *words[-5:], "--require", "accuracy<=1").exit_code == 0


def test_other_conditions_in_a_folder_are_refused_and_what_is_there_stays(
    root: Path, cells: Path, tmp_path: Path
) -> None:
    words = (
        "--checkpoints",
        root,
        "--model",
        "islam_cnn",
        "--data",
        cells,
        "--out",
        tmp_path,
        "--steps",
        "performance",
    )
    assert audit(*words, "--require", "accuracy<=1").exit_code == 0
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    result = audit(*words, "--require", "accuracy>=0.2")
    told = " ".join(result.stderr.split())
    assert result.exit_code == 2 and "now missing: accuracy<=1.0; now new: accuracy>=0.2" in told
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == kept
    assert audit(*words, "--require", "accuracy<=1").exit_code == 0
    verified = audit("verify", tmp_path / "evidence.zip", "--json")
    assert {"conditions.json", "report.pdf"} < set(json.loads(verified.stdout)["files"])


def test_two_audits_are_compared(root: Path, cells: Path, tmp_path: Path) -> None:
    for name in ("islam_cnn", "second"):
        audit("--checkpoints", root, "--model", name, "--data", cells, "--out", tmp_path / name, "--steps", "use")
    result = audit("diff", tmp_path / "islam_cnn" / "report.json", tmp_path / "second" / "report.json")
    assert result.exit_code == 0 and "only in the second" in result.stdout
    same = audit("diff", tmp_path / "second" / "report.json", tmp_path / "second" / "report.json")
    assert same.stdout.strip() == "Nothing differs."


@pytest.mark.parametrize(
    "words, told",
    [
        (("--steps", "dance"), "No step 'dance'"),
        (("--require", "accuracy"), "is no condition"),
        (("--model", "nobody"), "No model 'nobody'"),
        (("--data", "/nowhere"), "does not exist"),
        (("diff", "/nowhere/a.json", "/nowhere/b.json"), "no report of an audit"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(root: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    more = () if words[0] == "diff" else ("--checkpoints", root, "--out", tmp_path / "out")
    result = audit(*more, *words)
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()) and "Traceback" not in result.stderr

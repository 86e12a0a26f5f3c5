"""One table of several reports: what it holds is what the reports hold, and what is not there is a dash."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.audit.findings import Finding, StepResult
from core.audit.run import AuditedModelFacts, AuditReport
from core.audit.trained_tested import trained_and_tested, write_trained_tested
from core.cli.app import app
from core.errors import InputError


def report_on(data: str, reached: dict[str, float], digest: str = "d", weights: str = "a") -> AuditReport:
    """A report of models that reach an accuracy on `data`, with the mean recall in the measures alone."""
    findings = [
        Finding(step="performance", key="accuracy", title="Accuracy", status="information", model=name,
                sentence="", figure=value, low=value - 0.1, high=value + 0.05, of=200)
        for name, value in reached.items()
    ]  # fmt: skip
    card = [
        Finding(step="use", key="card", title="", status="information", model=name, sentence=f"Trained on <{name}>.")
        for name in reached
    ]
    facts = [AuditedModelFacts(name=name, title=name, weights_sha256=weights * 64, images=200) for name in reached]
    measures = {name: {"accuracy": value, "mean_recall": value - 0.02} for name, value in reached.items()}
    return AuditReport(
        software="leukolens", data=data, data_sha256=digest * 64,
        models=tuple(facts),
        results=(StepResult(step="use", findings=tuple(card)),
                 StepResult(step="performance", findings=tuple(findings), measures=measures)),
    )  # fmt: skip


PBC = report_on("PBC: test", {"resnet50": 0.9, "vgg19": 0.85})
LISC = report_on("LISC: report", {"resnet50": 0.7}, "e")


def test_models_stand_down_and_sets_across() -> None:
    accuracy, recall = trained_and_tested([PBC, LISC]).tables()
    assert accuracy.heads == ("model", "PBC: test", "LISC: report")
    assert accuracy.rows == (
        ("resnet50", "90.0 % (80.0 % to 95.0 %)", "70.0 % (60.0 % to 75.0 %)"),
        ("vgg19", "85.0 % (75.0 % to 90.0 %)", "–"),
    )
    assert recall.rows == (("resnet50", "88.0 %", "68.0 %"), ("vgg19", "83.0 %", "–"))


def test_one_name_for_two_models_or_sets_is_told_apart() -> None:
    again = report_on("PBC: test", {"resnet50": 0.5}, "f", "b")
    found = trained_and_tested([PBC, again])
    assert [(one.model, one.data) for one in found.reached] == [
        ("resnet50 (aaaaaaaa)", "PBC: test (dddddddd)"), ("vgg19", "PBC: test (dddddddd)"),
        ("resnet50 (bbbbbbbb)", "PBC: test (ffffffff)"),
    ]  # fmt: skip


def test_of_two_reports_on_the_same_the_later_counts_and_it_is_told() -> None:
    found = trained_and_tested([PBC, report_on("PBC: test", {"vgg19": 0.5})])
    assert {one.model: one.figures["accuracy"].value for one in found.reached} == {"resnet50": 0.9, "vgg19": 0.5}
    assert found.notes == ("vgg19 on PBC: test stands in two reports: the later counts.",)


def test_reports_without_figures_are_refused_or_told() -> None:
    bare = LISC.model_copy(update={"results": ()})
    with pytest.raises(InputError, match="None of these reports"):
        trained_and_tested([bare])
    found = trained_and_tested([PBC, bare])
    assert len(found.reached) == 2 and "leaves the step `performance` out" in found.notes[0]


def test_the_files_hold_the_same(tmp_path: Path) -> None:
    found = trained_and_tested([PBC, LISC])
    write_trained_tested(found, tmp_path / "new" / "table.csv")
    table = pd.read_csv(BytesIO((tmp_path / "new" / "table.csv").read_bytes()))
    assert table["accuracy"].tolist() == [0.9, 0.85, 0.7] and table["accuracy_low"].tolist() == pytest.approx(
        [0.8, 0.75, 0.6]
    )
    assert table["mean_recall_low"].isna().all()
    write_trained_tested(found, tmp_path / "table.html")
    page = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert "70.0 % (60.0 % to 75.0 %)" in page and "Trained on &lt;vgg19&gt;." in page and "<vgg19>" not in page
    with pytest.raises(InputError, match="ends in neither"):
        write_trained_tested(found, tmp_path / "table.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_trained_tested(found, tmp_path / "file" / "table.csv")


def test_the_command_prints_it(tmp_path: Path) -> None:
    paths = []
    for name, report in (("a", PBC), ("b", LISC)):
        paths.append(str(tmp_path / f"{name}.json"))
        Path(paths[-1]).write_text(report.model_dump_json())
    result = CliRunner().invoke(app, ["audit", "table", *paths, "--out", str(tmp_path / "t.html")])
    assert result.exit_code == 0, result.stderr
    assert "resnet50 on LISC: report (200 images): accuracy 70.0 %" in " ".join(result.stdout.split())
    document = json.loads(CliRunner().invoke(app, ["audit", "table", *paths, "--json"]).stdout)
    assert document["reached"][0]["accuracy"]["low"] == pytest.approx(0.8) and (tmp_path / "t.html").is_file()
    assert CliRunner().invoke(app, ["audit", "table", str(tmp_path / "t.html")]).exit_code == 2

"""An audit in a process of its own: started, ended, gone on with, and held by one process at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.audit.launch import (
    AuditSpec,
    checked_audit,
    read_audit_spec,
    resume_audit,
    start_audit,
)
from core.audit.report import read_report
from core.cli.audit import reported
from core.errors import InputError
from core.runs.directory import RunDirectory
from core.runs.spawn import cancel
from tests.support.datasets import cell
from tests.support.tiny_models import make_model

PATIENCE = 120.0


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def spec(tmp_path: Path) -> AuditSpec:
    make_model(tmp_path / "models", "tiny")
    for number in range(10):
        label = ("basophil", "monocyte")[number % 2]
        cell(tmp_path / "cells" / label / f"{number}.png", number, label)
    return checked_audit(models=[str(tmp_path / "models" / "tiny")], data=str(tmp_path / "cells"), sample=5,
                         conditions=("accuracy>=0.97",))  # fmt: skip


def test_an_audit_is_ended_gone_on_with_and_done(spec: AuditSpec, tmp_path: Path) -> None:
    run = start_audit(tmp_path / "audits", "mine", spec)
    assert read_audit_spec(run.path) == spec
    until(lambda: list((run.path / "parts").glob("answers-*")))
    cancel(run)
    assert run.state() == "cancelled" and not (run.path / "report.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (run.path / "parts").iterdir()}
    resume_audit(run)
    with pytest.raises(InputError, match="goes on already"):
        resume_audit(run)
    until(lambda: run.state() not in ("waiting", "preparing"))
    assert run.state() == "done", run.status()
    report = read_report(run.path / "report.json")
    assert [model.images for model in report.models] == [10]
    assert report.frozen is not None and report.frozen.conditions == ("accuracy>=0.97",)
    assert [finding.condition for finding in report.conditions] == ["accuracy>=0.97"]
    assert {name: (run.path / "parts" / name).stat().st_mtime_ns for name in kept} == kept
    with pytest.raises(InputError, match="already"):
        start_audit(tmp_path / "audits", "mine", spec)


def test_what_goes_wrong_is_told_in_the_folder(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "one")
    with pytest.raises(InputError, match="no images"), reported(run.path, lambda line: None):
        raise InputError("There are no images.")
    status = run.status()
    assert run.state() == "failed" and status is not None and status.error == "There are no images."


def test_one_process_audits_in_a_folder(tmp_path: Path) -> None:
    lines: list[str] = []
    with reported(tmp_path / "one", lines.append) as tell:
        tell("Step data")
        status = RunDirectory(tmp_path / "one").status()
        assert status is not None and status.message == "Step data" and lines == ["Step data"]
        with pytest.raises(InputError, match=r"audits in .* already.*--out"), reported(tmp_path / "one", lines.append):
            raise AssertionError
    assert RunDirectory(tmp_path / "one").state() == "done"


@pytest.mark.parametrize(
    "changes",
    [
        {"models": []},
        {"data": "cells"},
        {"data": "/a\nb"},
        {"models": ["tiny"]},
        {"sample": 1},
        {"dataset": "--out"},
        {"conditions": ["accuracy"]},
        {"conditions": ["--out>=1"]},
        {"conditions": ["ece<=0.1"] * 101},
    ],
)
def test_an_order_that_cannot_be_is_refused(spec: AuditSpec, changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be ordered so"):
        checked_audit(**{**spec.model_dump(), **changes})


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', "[" * 5000])
def test_an_order_that_was_changed_is_not_followed(tmp_path: Path, spec: AuditSpec, text: str) -> None:
    (tmp_path / "command.json").write_text(text)
    with pytest.raises(InputError, match="was changed"):
        read_audit_spec(tmp_path)
    hostile = json.loads(spec.model_dump_json()) | {"models": ["/x; rm -rf /"]}
    assert AuditSpec.model_validate(hostile).command(tmp_path).count("/x; rm -rf /") == 1  # one word, run by no shell

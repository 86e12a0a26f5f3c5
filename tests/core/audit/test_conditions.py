"""Conditions that are frozen when an audit starts: what is written, what is refused, and what the report says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.audit.conditions import CONDITIONS, FrozenConditions, canonical, conditions_in, freeze_conditions
from core.audit.exports import report_files
from core.audit.findings import Condition, read_condition
from core.audit.pdf import pdf_report
from core.audit.report import html_report, parsed_report
from core.audit.run import AuditReport
from core.errors import InputError

ACCURACY, ERROR = read_condition("accuracy>=0.97"), read_condition(" ECE <= 5e-2 ")


def test_what_is_written_is_the_sorted_text_and_its_digest(tmp_path: Path) -> None:
    frozen = freeze_conditions(tmp_path / "out", [ERROR, ACCURACY, ERROR])
    document = json.loads((tmp_path / "out" / CONDITIONS).read_bytes())
    assert document["conditions"] == ["accuracy>=0.97", "ece<=0.05"]
    assert document["conditions_sha256"] == hashlib.sha256(b"accuracy>=0.97\nece<=0.05\n").hexdigest()
    assert document == frozen.model_dump(mode="json") and frozen.when.endswith("UTC")


def test_an_audit_goes_on_with_the_same_conditions_in_any_order(tmp_path: Path) -> None:
    first = freeze_conditions(tmp_path, [ACCURACY, ERROR])
    written = (tmp_path / CONDITIONS).stat().st_mtime_ns
    assert freeze_conditions(tmp_path, [ERROR, ACCURACY]) == first
    assert (tmp_path / CONDITIONS).stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "now missing: accuracy>=0.97"),
        (["accuracy>=0.96"], "now missing: accuracy>=0.97; now new: accuracy>=0.96"),
        (["accuracy>=0.97", "ece<=0.1"], "now new: ece<=0.1"),
        (["accuracy>=0.9700000001"], "now new: accuracy>=0.9700000001"),
    ],
)
def test_other_conditions_are_refused_and_named(tmp_path: Path, texts: list[str], told: str) -> None:
    first = freeze_conditions(tmp_path, [ACCURACY])
    with pytest.raises(InputError) as caught:
        freeze_conditions(tmp_path, [read_condition(text) for text in texts])
    assert told in str(caught.value) and "--out" in str(caught.value) and first.when in str(caught.value)
    assert freeze_conditions(tmp_path, [ACCURACY]) == first


def test_that_none_were_set_is_frozen_too(tmp_path: Path) -> None:
    assert "No conditions were set" in freeze_conditions(tmp_path, []).sentence
    with pytest.raises(InputError, match=r"now new: accuracy>=0\.97"):
        freeze_conditions(tmp_path, [ACCURACY])


def test_a_file_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    freeze_conditions(tmp_path, [ACCURACY])
    text = (tmp_path / CONDITIONS).read_text(encoding="utf-8")
    for changed in (text.replace("0.97", "0.5"), "", "{}", "[" * 9000, text + "x", text.replace("UTC", "<b>")):
        (tmp_path / CONDITIONS).write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match="was changed or damaged"):
            freeze_conditions(tmp_path, [ACCURACY])


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        freeze_conditions(tmp_path / "file" / "out", [ACCURACY])


@pytest.mark.parametrize("limit", [0.9, 1.0, 0.1 + 0.2, 1e-7, 1e20, -0.5, 123456789.123])
def test_the_canonical_text_reads_back_as_the_same_condition(limit: float) -> None:
    condition = Condition(measure="accuracy", sign=">=", limit=limit)
    assert read_condition(canonical(condition)) == condition


def test_lines_are_read_with_what_is_wrong_told_beside() -> None:
    found, faults = conditions_in("accuracy>=0.9\n\n  ece <= 0.05 \nspeed>=1\naccuracy>0.9\naccuracy>=0.9\n")
    assert [one.text for one in found] == ["accuracy>=0.9", "ece<=0.05"]
    assert len(faults) == 2 and not any("--require" in fault for fault in faults)
    assert faults[0].startswith("Line 4: no figure is called 'speed'") and faults[1].startswith(
        "Line 5: 'accuracy>0.9'"
    )
    assert conditions_in(" \n") == ((), ())
    assert conditions_in("\n".join(f"ece<=0.{k}" for k in range(1000, 1101)))[1] == (
        "More than 100 conditions are not taken.",
    )


def test_the_report_carries_them_and_is_none_with_others(tmp_path: Path) -> None:
    frozen = freeze_conditions(tmp_path, [ACCURACY])
    report = AuditReport(software="", data="", data_sha256="0" * 64, models=(), results=(), frozen=frozen)
    files = report_files(report, {})
    assert files[CONDITIONS] == (tmp_path / CONDITIONS).read_bytes()
    assert frozen.conditions_sha256 in html_report(report) and frozen.when in html_report(report)
    assert pdf_report(report) != pdf_report(report.model_copy(update={"frozen": None}))
    assert parsed_report(files["report.json"], "report.json") == report
    with pytest.raises(InputError, match="no report of an audit"):
        parsed_report(files["report.json"].replace(b"accuracy>=0.97", b"accuracy>=0.10"), "report.json")
    with pytest.raises(ValidationError):
        FrozenConditions.model_validate({**frozen.model_dump(), "conditions": ()})

"""Whole audits: planted faults that the findings must name, what is kept of a killed one, and the report."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.audit import run as auditing
from core.audit import shards as sharding
from core.audit.cards import CHAI, FACTS_LABEL
from core.audit.exports import write_report
from core.audit.findings import STEPS, Finding, checked_conditions, read_condition
from core.audit.probes import calibration_step
from core.audit.report import changed_findings, html_report, read_report
from core.audit.run import AuditOrder, AuditReport, run_audit
from core.audit.subject import AuditedModel, AuditedSet
from core.classes import CLASSES as MODEL
from core.errors import InputError
from core.evaluation.predictions import Answers
from core.models.card import Novelty, read_card
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

CLASSES = ("basophil", "lymphocyte", "neutrophil")
EACH = 12
QUICK = tuple(step for step in STEPS if step not in auditing.SAMPLED)


def write_cells(root: Path, mark: str = "", slides: int = 4) -> Path:
    """Simulated cells by class; one class carries a green frame where `mark` names it. With a table of slides."""
    rows = []
    for number in range(EACH * len(CLASSES)):
        label = CLASSES[number % len(CLASSES)]
        rgb = draw_cell(label, number, size=100).image.copy()
        if label == mark:
            rgb[:6], rgb[-6:] = (60, 200, 60), (60, 200, 60)
        (root / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(root / label / f"{number}.png")
        rows.append((f"{label}/{number}.png", f"slide {number // 3 % slides}"))
    pd.DataFrame(rows, columns=["path", "slide"]).to_csv(root.parent / "slides.csv", index=False)
    return root


@pytest.fixture
def order(tmp_path: Path) -> AuditOrder:
    novelty = {"novelty": Novelty(threshold=1.0, quantile=0.99)}
    for seed, name in enumerate(("first", "second")):
        make_model(tmp_path / "models", name, seed, card=novelty)
    models = tuple(tmp_path / "models" / name for name in ("first", "second"))
    return AuditOrder(models, tmp_path / "out", write_cells(tmp_path / "cells"), steps=QUICK)


def audit(order: AuditOrder) -> AuditReport:
    return run_audit(order, lambda line: None)


def found(report: AuditReport, step: str, key: str, model: str = "") -> Finding:
    return next(one for one in report.findings if (one.step, one.key, one.model) == (step, key, model))


def test_a_mark_in_the_frame_is_named(order: AuditOrder, tmp_path: Path) -> None:
    report = audit(replace(order, place=write_cells(tmp_path / "marked", mark="lymphocyte"), steps=("shortcuts",)))
    told = found(report, "shortcuts", "lymphocyte")
    assert told.status == "failed" and (told.figure or 0) > 0.95 and "border colour" in told.sentence
    assert found(audit(replace(order, steps=("shortcuts",))), "shortcuts", "lymphocyte").status == "passed"


def test_copies_and_a_picture_under_two_classes_are_named(order: AuditOrder, tmp_path: Path) -> None:
    assert found(audit(replace(order, steps=("data",))), "data", "copies").status == "passed"
    cells = write_cells(tmp_path / "copied")
    first = cells / "basophil" / "0.png"
    (cells / "basophil" / "again.png").write_bytes(first.read_bytes())
    (cells / "neutrophil" / "wrong.png").write_bytes(first.read_bytes())
    report = audit(replace(order, place=cells, steps=("data",)))
    assert found(report, "data", "copies").status == "failed" and "3 files" in found(report, "data", "copies").sentence
    assert "neutrophil/wrong.png" in found(report, "data", "two-labels").sentence


def test_a_model_that_is_surer_than_right_is_named(order: AuditOrder) -> None:
    """98 % sure, and right in seven of ten: the same answers at a temperature of 5 are as sure as right."""
    random = np.random.default_rng(0)
    predicted = random.integers(0, 5, 200)
    labels = np.where(np.arange(200) % 10 < 7, predicted, (predicted + 1) % 5)
    answers = Answers(MODEL, tuple(map(str, range(200))), labels, predicted, 5.5 * np.eye(5)[predicted])
    card = read_card(order.models[0] / "card.json")
    for temperature, status in ((1.0, "failed"), (2.4, "passed")):
        model = AuditedModel("sure", card.model_copy(update={"temperature": temperature}), answers)
        (told,) = calibration_step([model], AuditedSet("made up")).findings
        assert told.status == status and ("surer than right" in told.sentence) == (status == "failed")


def test_other_things_are_told_of(order: AuditOrder, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    for number in range(4):
        Image.new("RGB", (80, 80), (40 * number, 90, 200)).save(tmp_path / "others" / f"{number}.png")
    report = audit(replace(order, others=tmp_path / "others", steps=("unfamiliar",)))
    assert "No model here has a measure" in found(report, "unfamiliar", "none").sentence  # no feature space is kept


def test_slides_widen_the_interval_and_are_told(order: AuditOrder) -> None:
    plain = found(audit(replace(order, steps=("performance",))), "performance", "accuracy", "first")
    grouped = audit(
        replace(order, groups=order.place.parent / "slides.csv", group_column="slide", steps=("performance",))  # type: ignore[union-attr]
    )
    told = found(grouped, "performance", "accuracy", "first")
    assert told.figure == plain.figure and "by drawing 4 slides anew" in told.sentence
    assert "slides" not in plain.sentence


def test_the_steps_agree_with_a_plain_count(order: AuditOrder) -> None:
    report = audit(order)
    table = next(one for result in report.results for one in result.tables if one.title == "first: class by class")
    counts = np.array([[int(cell) for cell in row[4:]] for row in table.rows])
    images = int(counts.sum())
    assert images == EACH * len(CLASSES)
    assert found(report, "performance", "accuracy", "first").figure == pytest.approx(counts.trace() / images)
    assert [result.step for result in report.results] == list(QUICK)


def test_a_killed_audit_goes_on_with_what_was_kept(order: AuditOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "PARTS", auditing.PARTS | {"answers": 10})
    whole = audit(replace(order, out=order.out.with_name("whole")))
    asked: list[str] = []
    plain = auditing.work_on

    def killed(shard: sharding.Shard) -> sharding.Document:
        asked.append(shard.step)
        if asked.count("answers") == 3:
            raise KeyboardInterrupt
        return plain(shard)

    monkeypatch.setattr(auditing, "work_on", killed)
    with pytest.raises(KeyboardInterrupt):
        audit(order)
    before = len(asked)
    assert audit(order) == whole
    assert asked[before:] == ["answers"] * (2 * 4 - 2)  # two of eight parts were done, and the pictures' facts


def test_a_changed_picture_is_asked_again(order: AuditOrder) -> None:
    first = audit(order)
    Image.fromarray(draw_cell("monocyte", 77, size=100).image).save(order.place / "basophil" / "0.png")  # type: ignore[operator]
    second = audit(order)
    assert first.data_sha256 != second.data_sha256 and first != second


def test_the_answers_that_were_kept_are_audited_without_pictures(order: AuditOrder) -> None:
    report = audit(order)
    for folder in order.models:
        parts = sorted((order.out / "parts").glob(f"answers-{folder.name}-*.json"))
        rows = [row for part in parts for row in json.loads(part.read_bytes())["rows"]]
        pd.DataFrame(rows).drop(columns="row").to_parquet(folder / "predictions.parquet")
    kept = audit(replace(order, place=None))
    assert found(kept, "performance", "accuracy", "first") == found(report, "performance", "accuracy", "first")
    assert found(kept, "data", "pictures").status == "not run"
    assert found(kept, "shortcuts", "none").status == "not run"


def test_the_report_is_one_page_that_needs_nothing_and_reads_back(order: AuditOrder) -> None:
    report = audit(replace(order, conditions=(read_condition("accuracy>=0.99"),)))
    files = write_report(report, order.out, {}, with_images=True)
    page = files["report.html"].read_text(encoding="utf-8")
    assert (
        not re.search(r"src=\"(?!data:image/png;base64,)|href=|url\(|@import|<script", page)
        and page.count("✗ failed") >= 2
    )
    assert "Signature" in page and report.data_sha256 in page
    assert read_report(files["report.json"]) == report and report.failed
    with zipfile.ZipFile(files["evidence.zip"]) as archive:
        kept = {"report.html", "report.pdf", "report.json", "images.csv"}
        kept |= {f"exports/{name}/{file}" for name in ("first", "second") for file in (CHAI, FACTS_LABEL)}
        assert set(archive.namelist()) == kept | {"manifest.json"}
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest == {name: hashlib.sha256(archive.read(name)).hexdigest() for name in kept}
        assert all((order.out / name).read_bytes() == archive.read(name) for name in kept)
        table = pd.read_csv(BytesIO(archive.read("images.csv")))
    right = table[table["model"] == "first"].eval("label == answer").mean()
    assert right == pytest.approx(found(report, "performance", "accuracy", "first").figure)


def test_a_hostile_name_is_text_in_the_report(order: AuditOrder) -> None:
    report = audit(replace(order, steps=("use",)))
    page = html_report(report.model_copy(update={"data": "<script>alert(1)</script>"}))
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_two_reports_are_compared(order: AuditOrder) -> None:
    first = audit(replace(order, steps=("performance",)))
    second = audit(replace(order, models=order.models[:1], steps=("performance", "use")))
    told = changed_findings(first, second)
    assert not changed_findings(first, first)
    assert any(line.startswith("performance / second / Accuracy: only in the first") for line in told)
    assert any("only in the second" in line for line in told)


@pytest.mark.parametrize("text", ["accuracy", "accuracy>0.9", "speed>=1", "accuracy>=nan", "accuracy>=0.9; rm", ""])
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--require"):
        read_condition(text)


def test_a_condition_about_nothing_measured_is_not_run() -> None:
    (finding,) = checked_conditions([read_condition("ece<=0.03")], [])
    assert finding.status == "not run"


def test_what_cannot_be_audited_is_refused(order: AuditOrder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No model to audit"):
        audit(replace(order, models=()))
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"wrong\.csv"):
        audit(replace(order, groups=tmp_path / "wrong.csv"))
    (tmp_path / "foreign.csv").write_text("path,group\nnowhere.png,1\n")
    with pytest.raises(InputError, match="names none of the images"):
        audit(replace(order, groups=tmp_path / "foreign.csv"))
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(InputError, match="no report of an audit"):
        read_report(tmp_path / "report.json")


def test_files_that_a_table_names_and_nobody_has_are_told(order: AuditOrder, tmp_path: Path) -> None:
    paths = sorted(order.place.rglob("*.png"))  # type: ignore[union-attr]
    rows = [f"{path},{path.parent.name}" for path in paths] + [f"{tmp_path}/gone.png,basophil"]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *rows]))
    try:
        report = audit(replace(order, place=tmp_path / "table.csv"))
    except InputError as error:
        assert "gone.png" in str(error)
    else:
        assert found(report, "data", "unreadable").status == "failed"


def test_three_images_and_a_broken_one_are_audited_and_told(order: AuditOrder, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for number, label in enumerate(CLASSES):
        (few / label).mkdir(parents=True)
        Image.fromarray(draw_cell(label, number, size=90).image).save(few / label / "cell.png")
    (few / "basophil" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    report = audit(replace(order, place=few))
    assert (
        found(report, "data", "unreadable").status == "failed"
        and "1 files" in found(report, "data", "unreadable").sentence
    )
    assert found(report, "performance", "accuracy", "first").of == 3
    assert found(report, "shortcuts", "none").status == "not run"

"""A test set with copies from training: the audit names them, whole and altered, and says where it did not look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.audit import run as auditing
from core.audit.findings import Finding
from core.audit.leaks import training_images, training_shard
from core.audit.run import AuditOrder, AuditReport, run_audit
from core.data.datasets import data_fingerprint, read_data
from core.errors import InputError
from core.models.card import TrainingFacts
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

LABELS = ("basophil", "monocyte")


def write_cells(root: Path, first: int, count: int = 8) -> Path:
    for number in range(first, first + count):
        label = LABELS[number % 2]
        (root / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_cell(label, number, size=200).image).save(root / label / f"{number}.png")
    return root


@pytest.fixture
def order(tmp_path: Path) -> AuditOrder:
    make_model(tmp_path / "models", "tiny")
    place, training = write_cells(tmp_path / "test", 0), write_cells(tmp_path / "train", 100)
    return AuditOrder((tmp_path / "models" / "tiny",), tmp_path / "out", place, training=training, steps=("data",))


def told(report: AuditReport) -> Finding:
    return next(one for one in report.findings if one.key == "training")


def audit(order: AuditOrder) -> AuditReport:
    return run_audit(order, lambda line: None)


def test_copies_from_training_are_named(order: AuditOrder) -> None:
    assert order.place and order.training
    clean = told(audit(order))
    assert clean.status == "passed" and "None of 8 audited files" in clean.sentence and clean.figure == 0
    (order.training / "basophil" / "whole.png").write_bytes((order.place / "basophil" / "2.png").read_bytes())
    picture = Image.open(order.place / "monocyte" / "5.png").transpose(Image.Transpose.ROTATE_90)
    picture.save(order.training / "monocyte" / "turned.jpg", quality=85)
    report = audit(order)
    found = told(report)
    assert found.status == "failed" and found.figure == pytest.approx(2 / 8)
    assert found.sentence.startswith("2 of 8 audited files have a copy among the 10 training images")
    assert "basophil/2.png" in found.sentence and "monocyte/5.png" in found.sentence
    table = next(one for one in report.results[0].tables if one.title == "Copies of training images")
    assert set(table.rows) == {
        ("basophil/2.png", "basophil/whole.png", "same bytes"),
        ("monocyte/5.png", "monocyte/turned.jpg", "altered copy"),
    }


def test_the_search_is_kept_until_an_image_changes(order: AuditOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = audit(order)
    asked: list[str] = []
    plain = auditing.work_on
    monkeypatch.setattr(auditing, "work_on", lambda shard: asked.append(shard.step) or plain(shard))  # type: ignore[func-returns-value]
    assert audit(order) == first and "training" not in asked
    write_cells(order.training, 200, 1)  # type: ignore[arg-type]
    assert "9 training images" in told(audit(order)).sentence and "training" in asked


def test_without_training_images_it_says_what_to_give(order: AuditOrder) -> None:
    found = told(audit(replace(order, training=None)))
    assert found.status == "not run" and "--training DIR" in found.sentence
    with pytest.raises(InputError, match="does not exist"):
        audit(replace(order, training=Path("/nowhere/at/all")))
    with pytest.raises(InputError, match="name those that are audited with --data"):
        audit(replace(order, place=None))


def test_a_card_that_names_this_very_set_is_told(order: AuditOrder) -> None:
    assert order.training
    facts = TrainingFacts(
        recipe="r", data="d", data_fingerprint=data_fingerprint(read_data(order.training)), images=8,
        simulated_images=0, initial_weights="", seed=0, epochs=1, seconds=1, precision="32", machine="", versions={},
        leak="3 photographs have copies.",
    )  # fmt: skip
    make_model(order.models[0].parent, "named", card={"training": facts})
    models = (order.models[0], order.models[0].parent / "named")
    assert "the set that the card of named names" in told(audit(replace(order, models=models))).sentence
    assert "3 photographs have copies." in told(audit(replace(order, models=models, training=None))).sentence


def test_of_a_set_with_splits_what_was_trained_and_chosen_on_counts(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("val", 20), ("test", 40)):
        write_cells(tmp_path / "set" / split, first, 2)
    lines = ["path,label,split"]
    for path in sorted((tmp_path / "set").rglob("*.png")):
        lines.append(f"{path},{path.parent.name},{path.parent.parent.name}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    data, seen = training_images(tmp_path / "table.csv")
    assert len(data.table) == 6 and set(seen["split"]) == {"train", "val"} and len(seen) == 4
    shard = training_shard(data.table, seen)
    assert len(shard.images) == 10 and sum(image.label == "audited" for image in shard.images) == 6


def test_where_no_training_image_can_be_read_nothing_is_passed(order: AuditOrder) -> None:
    assert order.training
    for path in order.training.rglob("*.png"):
        path.write_bytes(b"\x89PNG broken")
    found = told(audit(order))
    assert found.status == "not run" and "can be read" in found.sentence

"""What shards ask of a model, against the explanation engine and by hand; and planted faults that steps must name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.audit.behaviour import cams, cell_alone, surroundings_alone, swapped, work_on, zones_of
from core.audit.sampled_steps import (
    explanation_step,
    looks_step,
    sampled_rows,
    score_gains,
    shift_step,
)
from core.audit.shards import Document, Shard, ShardImage
from core.audit.shifts import SEVERITIES, SHIFTS
from core.classes import CLASSES
from core.explanation.context import ImageContext, cell_masks
from core.explanation.gradients import class_gradients
from core.explanation.methods.cam import class_maps
from core.models.card import read_card
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

LABELS = ("basophil", "lymphocyte", "neutrophil")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model(tmp_path, "tiny", 3)
    return tmp_path / "tiny"


@pytest.fixture
def classifier(folder: Path) -> Classifier:
    """With its last layer so large that logits and maps are alive."""
    loaded = load_classifier(folder)
    with torch.no_grad():
        layer = [layer for layer in loaded.network.modules() if isinstance(layer, torch.nn.Linear)][-1]
        layer.weight.mul_(1e8)
    return loaded


def shard_of(step: str, folder: Path, tmp_path: Path) -> Shard:
    """Three simulated cells, one of each of LABELS."""
    images = []
    for number, label in enumerate(LABELS):
        path = tmp_path / f"{label}.png"
        Image.fromarray(draw_cell(label, number, size=140).image).save(path)
        images.append(ShardImage(str(path), "", label, number))
    return Shard(step, str(folder), read_card(folder / "card.json").model_dump_json(), tuple(images), 7)


def test_many_maps_in_one_pass_are_the_engines(classifier: Classifier) -> None:
    views = [draw_cell(label, 5, size=120).image for label in LABELS]
    maps, logits = cams(classifier, views, 1)
    for view, own, given in zip(views, maps, logits, strict=True):
        one = class_gradients(classifier.network, classifier.tensor([view]))
        wanted = class_maps("GradCAM", one)[1]
        assert wanted.max() > 0 or not own.any()
        assert own == pytest.approx(wanted, abs=1e-4 * float(wanted.max()))
        assert given == pytest.approx(one.logits, rel=1e-3)
    each, logits = cams(classifier, views, None)
    places = logits.argmax(axis=1)
    for number, view in enumerate(views):
        assert each[number] == pytest.approx(cams(classifier, [view], int(places[number]))[0][0], abs=1e-5)


def test_cell_and_surroundings_are_painted_over() -> None:
    picture = np.full((40, 40, 3), (200, 190, 210), dtype=np.uint8)
    cell = np.zeros((40, 40), dtype=bool)
    cell[15:25, 10:22] = True
    picture[cell] = (90, 40, 120)
    picture[0, 0] = (0, 0, 0)
    alone = cell_alone(picture, cell)
    assert (alone[~cell] == (200, 190, 210)).all() and (alone[cell] == picture[cell]).all()
    without = surroundings_alone(picture, cell)
    assert (without[cell] == (200, 190, 210)).all() and (without[0, 0] == 0).all()
    square = np.zeros((40, 40), dtype=bool)
    square[13:27, 9:24] = True  # another outline of nearly that size leaves the same round hole
    ground = np.full((40, 40, 3), (10, 20, 30), dtype=np.uint8)
    mixed = swapped(picture, cell, ground, square)
    assert (mixed[cell] == (90, 40, 120)).all() and (mixed[~cell] == (10, 20, 30)).all()


def test_zones_are_the_whole_picture_once() -> None:
    context = ImageContext(draw_cell("neutrophil", 3, size=224).image)
    for side in (120, 224):
        zones = zones_of(context, side)
        assert (sum(zone.astype(int) for zone in zones.values()) == 1).all() and zones["nucleus"].any()
    assert (zones["surroundings"] == ~cell_masks(context).cell).all()


def test_every_shift_of_every_cell_is_asked_and_asked_again_alike(folder: Path, tmp_path: Path) -> None:
    shard = shard_of("shift", folder, tmp_path)
    shard = replace(shard, images=shard.images[:1])
    document = work_on(shard)
    rows = pd.DataFrame(document["rows"])
    assert len(rows) == 1 + len(SHIFTS) * len(SEVERITIES)
    assert document == work_on(shard)
    plain = work_on(Shard("answers", shard.model, shard.identity, shard.images))
    clean = rows[rows["shift"] == "none"].set_index("row")["answer"]
    for row in plain["rows"]:
        assert row[f"logit_{clean[row['row']]}"] == max(row[f"logit_{name}"] for name in CLASSES)
    assert rows["like"].dropna().between(-1, 1).all()


def test_where_it_looks_adds_up(folder: Path, tmp_path: Path) -> None:
    document = work_on(shard_of("looks", folder, tmp_path))
    assert document["without"] == 0 and len(document["rows"]) == len(LABELS)
    for row in document["rows"]:
        assert sum(row["areas"].values()) == pytest.approx(1)
        told = [share for share in row["shares"].values() if share is not None]
        assert not told or sum(told) == pytest.approx(1, abs=1e-5)
        assert row["other"] in set(LABELS) - {row["label"]} and set(row["answers"]) == {
            "cell",
            "surroundings",
            "swapped",
        }


def test_maps_are_scored_beside_their_controls(folder: Path, tmp_path: Path) -> None:
    shard = shard_of("explanations", folder, tmp_path)
    (row,) = work_on(replace(shard, images=shard.images[:1]))["rows"]
    assert set(row["scores"]) == {"deletion", "insertion"}
    assert set(row["scores"]["deletion"]) == {"map", "random", "edges", "centre"}


def look(row: int, label: str, alone: str, share: float = 0.2) -> Document:
    shares = {"nucleus": 0.6 * (1 - share), "cytoplasm": 0.4 * (1 - share), "surroundings": share}
    areas = {"nucleus": 0.15, "cytoplasm": 0.1, "surroundings": 0.75}
    answers = {"cell": label, "surroundings": alone, "swapped": label}
    return {"row": row, "label": label, "answer": label, "other": "monocyte", "shares": shares, "areas": areas,
            "answers": answers}  # fmt: skip


def test_a_model_that_reads_the_surroundings_is_named() -> None:
    fair = [look(n, LABELS[n % 3], "basophil") for n in range(30)]
    cheat = [look(n, LABELS[n % 3], LABELS[n % 3], share=0.9) for n in range(30)]
    result = looks_step({"fair": [{"rows": fair}], "cheat": [{"rows": cheat}]})
    status = {(finding.model, finding.key): finding.status for finding in result.findings}
    assert status["fair", "surroundings"] == status["fair", "relevance"] == "passed"
    assert status["cheat", "surroundings"] == status["cheat", "relevance"] == "failed"
    assert result.measures["cheat"]["surroundings_accuracy"] == 1
    assert result.measures["fair"]["surroundings_accuracy"] == pytest.approx(1 / 3)


def shift_rows(sureness: float) -> list[Document]:
    """Right as it is; wrong from the third step on out of focus."""
    rows = []
    for row in range(20):
        rows.append({"row": row, "label": "monocyte", "shift": "none", "severity": 0, "answer": "monocyte",
                     "sureness": 0.9, "like": 1.0})  # fmt: skip
        for name in SHIFTS:
            for step in SEVERITIES:
                lost = (name == "focus" and step >= 3) or (sureness > 0.95 and step > 1)
                rows.append({"row": row, "label": "monocyte", "shift": name, "severity": step,
                             "answer": "basophil" if lost else "monocyte", "sureness": sureness,
                             "like": 0.5})  # fmt: skip
    return rows


def test_the_weakest_shift_and_sureness_that_stays_are_named() -> None:
    result = shift_step({"humble": [{"rows": shift_rows(0.6)}], "proud": [{"rows": shift_rows(0.99)}]})
    told = {(finding.model, finding.key): finding for finding in result.findings}
    weakest = told["humble", "weakest"]
    assert "Out of focus" in weakest.sentence and weakest.figure == 1.0 and "100.0 % to 0.0 %" in weakest.sentence
    assert told["humble", "sureness"].status == "passed" and told["proud", "sureness"].status == "failed"
    count = len(SHIFTS) * len(SEVERITIES)
    assert result.measures["humble"]["shift_accuracy"] == pytest.approx(1 - 3 / count)
    assert result.charts[0].lines[0].y[:3] == (1.0, 1.0, 1.0)


def worth(row: int, own: float, forgets: bool | None) -> Document:
    controls = {"random": 0.5, "edges": 0.45, "centre": 0.4}
    return {"row": row, "label": "monocyte", "answer": "monocyte", "forgets": forgets,
            "scores": {"deletion": {"map": own, **controls}, "insertion": {"map": 1 - own, **controls}}}  # fmt: skip


def test_maps_no_better_than_a_blob_are_named() -> None:
    good = [worth(n, 0.1 + 0.01 * (n % 3), True) for n in range(12)]
    bad = [worth(n, 0.42 + 0.01 * (n % 3), n % 4 == 0) for n in range(12)]
    result = explanation_step({"good": [{"rows": good}], "bad": [{"rows": bad}]})
    told = {(finding.model, finding.key): finding for finding in result.findings}
    assert told["good", "deletion"].status == told["good", "insertion"].status == "passed"
    assert told["bad", "deletion"].status == "failed" and "a blob in the middle" in told["bad", "deletion"].sentence
    assert told["good", "randomisation"].status == "passed" and told["bad", "randomisation"].status == "failed"
    assert score_gains(good, "deletion", "centre").value == pytest.approx(np.mean([0.3, 0.29, 0.28]))


def test_a_sample_is_even_over_classes_and_drawn_by_its_seed() -> None:
    table = pd.DataFrame({"label": ["a"] * 50 + ["b"] * 4 + ["c"] * 30, "row": range(84)})
    sample = sampled_rows(table, 24, 1)
    assert sample["label"].value_counts().to_dict() == {"a": 10, "b": 4, "c": 10}
    assert set(sample["label"].head(3)) == set(sample["label"].iloc[9:12]) == {"a", "b", "c"}
    assert sample["row"].is_unique and sample.equals(sampled_rows(table, 24, 1))
    assert not sample.equals(sampled_rows(table, 24, 2)) and len(sampled_rows(table, 999)) == 84


def test_without_pictures_these_steps_are_not_run() -> None:
    for step in (shift_step, looks_step, explanation_step):
        assert [finding.status for finding in step({}).findings] == ["not run"]

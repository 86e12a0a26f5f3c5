"""Audits of models from elsewhere: those that know other classes, and those that show nothing of their inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.audit.behaviour import work_on
from core.audit.between import between_step
from core.audit.sampled_steps import explanation_step, looks_step, shift_step
from core.audit.shards import Shard, ShardImage
from core.audit.subject import AuditedModel, AuditedSet
from core.evaluation.predictions import Answers
from core.models.card import read_card
from core.runs.intake import NewCard, take_in
from core.simulation import draw_cell
from tests.support.audited import model_of
from tests.support.own_models import NAMES, onnx_folder


def other_model(logits: np.ndarray, classes: tuple[str, ...], labels: list[str], like: AuditedModel) -> AuditedModel:
    """A model of `classes` that gave `logits` `(N, K)` to images of `labels`; those that it knows alone."""
    card = like.card.model_copy(update={"classes": classes})
    known = [number for number, label in enumerate(labels) if label in classes]
    places = np.array([classes.index(labels[number]) for number in known], dtype=np.int64)
    images = tuple(f"{number}.png" for number in known)
    answers = Answers(classes, images, places, logits[known].argmax(axis=1), logits[known])
    return AuditedModel("other", card, answers)


def test_two_models_are_compared_on_the_classes_in_common(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 80)
    ours = model_of(tmp_path, rng.normal(size=(80, 5)) + 1.5 * np.eye(5)[labels], labels)
    classes = ("neutrophil", "blast", "monocyte")
    names = [ours.card.classes[label] for label in labels]
    given = rng.normal(size=(80, 3))
    given[:, 1] += 1.5  # most are called blasts, which ours does not know
    other = other_model(given, classes, names, ours)
    only_ours = only_other = shared = 0
    for number, name in enumerate(names):  # by hand: each names the likelier of monocyte and neutrophil
        if name not in ("monocyte", "neutrophil"):
            continue
        shared += 1
        own = ours.answers.logits[number]
        first = ("monocyte" if own[3] > own[4] else "neutrophil") == name
        second = ("monocyte" if given[number, 2] > given[number, 0] else "neutrophil") == name
        only_ours += first and not second
        only_other += second and not first
    table = between_step([ours, other], AuditedSet("made up")).tables[0]
    assert table.rows[0][2:5] == (str(shared), str(only_ours), str(only_other)) and only_ours and only_other
    assert "compared on the classes that both know" in table.note
    (alike,) = between_step([ours, replace(ours, name="again")], AuditedSet("made up")).tables
    assert "both know" not in alike.note


@pytest.fixture
def program(tmp_path: Path) -> Path:
    take_in(onnx_folder(tmp_path), tmp_path / "models", new=NewCard(classes=NAMES))
    return tmp_path / "models" / "mine"


def shard_of(step: str, folder: Path, tmp_path: Path) -> Shard:
    images = []
    for number, label in enumerate(("lymphocyte", "neutrophil")):
        path = tmp_path / f"{label}.png"
        Image.fromarray(draw_cell(label, number, size=140).image).save(path)
        images.append(ShardImage(str(path), "", label, number))
    return Shard(step, str(folder), read_card(folder / "card.json").model_dump_json(), tuple(images), 7)


def test_an_onnx_model_is_audited_without_maps_and_it_says_why(program: Path, tmp_path: Path) -> None:
    why = "Grad-CAM needs the gradients of mine: an ONNX file computes answers and no gradients."
    shift = work_on(shard_of("shift", program, tmp_path))
    assert len(shift["rows"]) > 50 and all(row["like"] is None for row in shift["rows"])
    assert shift_step({"mine": [shift]}).tables
    looks = looks_step({"mine": [work_on(shard_of("looks", program, tmp_path))]})
    assert {one.key: one.sentence for one in looks.findings}["relevance"] == why
    assert {"surroundings", "cell"} <= {one.key for one in looks.findings}
    worth = explanation_step({"mine": [work_on(shard_of("explanations", program, tmp_path))]})
    assert [(one.status, one.sentence) for one in worth.findings] == [("not run", why)]

"""The page's zip: the same files as the command line's, painted as the page paints them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.evidence import Findings, evidence_files
from core.explanation.render import overlay, signed_overlay
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image, framed_mask
from core.preprocessing.parameters import CellParameters
from dashboard.answers import Answer
from dashboard.explain.bundle import ShownEvidence
from dashboard.explain.jobs import ModelRow
from dashboard.explain.rendering import Look
from dashboard.images import gallery_subjects
from dashboard.models import ModelEntry
from tests.support.tiny_models import make_model

LOOK = Look("magma", "purple-orange", 0.7, True)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "tiny")
    classifier = load_classifier(root / "tiny")
    view = frame_image(gallery_subjects()["cell-1"].rgb, "cell")
    answer = Answer(ModelEntry("tiny", "Tiny", classifier), "cell", True, classifier.predict([view.rgb])[0], view)
    maps = explain(classifier, view.rgb, ("gradcam", "layercam"))
    signed = replace(maps["gradcam"], method="signed", signed=True, values=-maps["gradcam"].values)
    return ModelRow(answer, {**maps, "signed": signed})


def read(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def document_of(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read(data)["manifest.json"])
    return document


def test_pictures_are_as_the_page_shows_them(row: ModelRow) -> None:
    files = read(ShownEvidence([row], gallery_subjects()["cell-1"], CellParameters(), LOOK).zip())
    maps = row.explanations["layercam"]
    drawn = np.asarray(Image.open(io.BytesIO(files["tiny/layercam-monocyte.png"])))
    top = float(maps.values.max())
    assert np.array_equal(drawn, overlay(maps.view, maps.map_of("monocyte"), 0.7, "magma", top))
    against = row.explanations["signed"]
    drawn = np.asarray(Image.open(io.BytesIO(files["tiny/signed-monocyte.png"])))
    scale = float(np.abs(against.values).max())
    assert np.array_equal(drawn, signed_overlay(against.view, against.map_of("monocyte"), 0.7, "purple-orange", scale))


def test_the_page_and_the_command_line_give_the_same_files(row: ModelRow) -> None:
    classifier, view = row.answer.entry.classifier, row.answer.view
    assert classifier is not None and view is not None
    subject = gallery_subjects()["cell-1"]
    findings = Findings(classifier, view, ImageContext(view.rgb), row.explanations, row.answer.prediction)
    here = read(ShownEvidence([row], subject, CellParameters(), LOOK).zip())
    there = evidence_files({}, subject.rgb, [findings], {})
    assert list(here) == list(there)
    assert all(here[name] == there[name] for name in there if name.endswith(".npz"))
    assert json.loads(here["manifest.json"])["models"] == json.loads(there["manifest.json"])["models"]


class Found:
    """A score of the model it names."""

    def __init__(self, model: str) -> None:
        self.model = model

    def document(self) -> dict[str, Any]:
        """Its model alone."""
        return {"of": self.model}


def test_scores_go_to_the_models_they_are_of(row: ModelRow) -> None:
    scorings, checks = [Found("other"), Found("tiny")], [Found("tiny")]
    document = document_of(
        ShownEvidence([row], gallery_subjects()["cell-1"], CellParameters(), LOOK, scorings, checks).zip()
    )
    assert document["models"][0]["scores"] == [{"of": "tiny"}]
    assert document["models"][0]["randomisation"] == [{"of": "tiny"}]


def masks(row: ModelRow) -> Iterator[ModelRow]:
    """The row without a scene of its own, and with one that knows the mask."""
    subject, view = gallery_subjects()["cell-1"], row.answer.view
    assert view is not None
    yield row
    yield replace(
        row, context=ImageContext(view.rgb, framed_mask(np.asarray(subject.rgb[..., 1] < 150), subject.rgb, view))
    )


def test_the_readers_mask_is_used(row: ModelRow) -> None:
    subject = gallery_subjects()["cell-1"]
    mask = np.asarray(subject.rgb[..., 1] < 150)
    entries = [
        document_of(ShownEvidence([one], subject, CellParameters(), LOOK, mask=mask).zip())["models"][0]
        for one in masks(row)
    ]
    assert entries[0]["cell_mask"]["source"] == "given" and entries[0]["cell_mask"] == entries[1]["cell_mask"]


def test_what_failed_is_told(row: ModelRow) -> None:
    nothing = ModelRow(Answer(ModelEntry("gone", "Gone", None)), fault="No trained weights.")
    partly = replace(row, faults={"lime": "It does not fit."})
    document = document_of(ShownEvidence([nothing, partly], gallery_subjects()["cell-1"], CellParameters(), LOOK).zip())
    told = [(fault["model"], fault["what"], fault["message"]) for fault in document["faults"]]
    assert told == [("gone", "answer", "No trained weights."), ("tiny", "lime", "It does not fit.")]
    assert not document["complete"] and [entry["model"] for entry in document["models"]] == ["tiny"]

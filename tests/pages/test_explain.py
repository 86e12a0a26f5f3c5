"""The Explain page: a grid of models by classes, as raw as it is asked to be."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.classes import CLASSES
from core.explanation.engine import explain
from core.explanation.render import overlay
from core.explanation.wording import raw
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from core.preprocessing.parameters import CellParameters
from dashboard.answers import Answer
from dashboard.explain.bundle import ShownEvidence
from dashboard.explain.jobs import ModelRow
from dashboard.explain.rendering import Look, picture_of
from dashboard.images import gallery_subjects
from dashboard.models import ModelEntry
from tests.support.reading import Start, alerts, assert_sound, html, query, titles
from tests.support.tiny_models import SHIPPED

PAIR = ("gradcam", "gradcam++")


def test_models_by_classes(start: Start) -> None:
    app = start("explain")
    assert_sound(app)
    shown = titles(app)
    start_of_grid = shown.index("Seen by the model")
    assert shown[start_of_grid : start_of_grid + 6] == ["Seen by the model", *CLASSES]
    assert len(app.get("image") or app.image) >= len(SHIPPED) * 6
    assert html(app).count(", named") == len(SHIPPED)


def test_the_maxima_are_the_engines(start: Start, tiny_root: Path) -> None:
    app = start("explain", image="cell-6", models="vgg19", methods="gradcam++")
    view = frame_image(gallery_subjects()["cell-6"].rgb, "cell").rgb
    expected = explain(load_classifier(tiny_root / "vgg19"), view, ["gradcam++"])["gradcam++"].maxima
    for value in expected.values():
        assert (f"max {raw(value)}" if value else "no positive evidence") in html(app)


def test_controls_reach_the_address(start: Start) -> None:
    app = start("explain")
    app.slider(key="choice-opacity").set_value(30).run()
    app.selectbox(key="choice-palette").set_value("magma").run()
    assert_sound(app)
    assert query(app) == {"opacity": "30", "palette": "magma"}
    assert "Palette magma" in html(app)


def test_no_model_and_bad_controls_are_told(start: Start) -> None:
    assert "No model is switched on" in alerts(start("explain", models="none"))
    told = alerts(start("explain", opacity="900", palette="jet", methods="guess", models="vgg19"))
    assert all(word in told for word in ("900", "jet", "guess"))


def test_a_missing_model_keeps_its_row(start: Start, tmp_path: Path) -> None:
    app = start("explain", root=tmp_path)
    assert_sound(app)
    assert alerts(app).count("No trained weights") == len(SHIPPED)


@pytest.fixture
def row(tiny_root: Path) -> ModelRow:
    classifier = load_classifier(tiny_root / "islam_cnn")
    view = frame_image(gallery_subjects()["cell-1"].rgb, "cell")
    answer = Answer(
        ModelEntry("islam_cnn", "Custom CNN", classifier), "cell", True, classifier.predict([view.rgb])[0], view
    )
    return ModelRow(answer, explain(classifier, view.rgb, PAIR))


def test_the_shared_scale_is_the_largest_of_the_models_maps(row: ModelRow) -> None:
    maps = row.explanations["gradcam"]
    own = picture_of(maps, CLASSES[0], Look("viridis", "blue-red", 0.5, False))
    shared = picture_of(maps, CLASSES[0], Look("viridis", "blue-red", 0.5, True))
    top = max(float(maps.map_of(name).max()) for name in CLASSES)
    assert np.array_equal(own, overlay(maps.view, maps.map_of(CLASSES[0]), 0.5, "viridis"))
    assert np.array_equal(shared, overlay(maps.view, maps.map_of(CLASSES[0]), 0.5, "viridis", top))


def test_the_zip_holds_raw_values_pictures_and_their_hashes(row: ModelRow) -> None:
    subject = gallery_subjects()["cell-1"]
    data = ShownEvidence([row], subject, CellParameters(), Look("viridis", "blue-red", 0.5, False)).zip()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        document = json.loads(archive.read("manifest.json"))
        values = np.load(io.BytesIO(archive.read("islam_cnn/gradcam.npz")))["values"]
        picture = Image.open(io.BytesIO(archive.read("image.png")))
    assert names[-1] == "manifest.json"
    assert len(names) == 3 + len(PAIR) * (1 + len(CLASSES))
    assert set(document["files"]) == set(names) - {"manifest.json"}
    assert np.array_equal(values, row.explanations["gradcam"].values)
    assert np.array_equal(np.asarray(picture), subject.rgb)
    assert not picture.getexif()


def test_two_folders_with_the_same_weights_stand_side_by_side(start: Start, tiny_root: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_root / "vgg19", tmp_path / "vgg19")
    shutil.copytree(tiny_root / "vgg19", tmp_path / "copy")
    (tmp_path / "link").symlink_to(tmp_path / "copy")
    app = start("explain", root=tmp_path, models="vgg19,copy,link")
    assert_sound(app)
    assert html(app).count(", named") == 3

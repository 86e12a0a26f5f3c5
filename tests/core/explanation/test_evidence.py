"""Explanations as files: what is in them, that their names are safe, that the same evidence has the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.classes import CLASSES
from core.explanation.baselines import BaselineSettings, RegionSettings
from core.explanation.context import ImageContext
from core.explanation.engine import Explanation, explain
from core.explanation.evidence import (
    Findings,
    evidence_files,
    explanation_entry,
    finite,
    safe_names,
    values_npz,
    zipped,
)
from core.explanation.method import Regions
from core.explanation.methods.expected_gradients import ExpectedGradientsSettings
from core.explanation.methods.score_cam import ScoreCamSettings
from core.explanation.render import overlay
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

RNG = np.random.default_rng(5)
RESERVED = ("con", "PRN", "aux.txt", "nul", "COM1", "lpt9")


def explanation(**fields: Any) -> Explanation:
    values = RNG.normal(size=(2, 8, 8)).astype(np.float32)
    view = np.full((8, 8, 3), 100, dtype=np.uint8)
    return replace(Explanation("m", "lime", ("a", "b"), values, values[:, ::4, ::4], view, True, "logit"), **fields)


def full() -> Explanation:
    labels = np.arange(64, dtype=np.int32).reshape(8, 8) // 16
    weights = RNG.normal(size=(2, 2, 4)).astype(np.float32)
    error = np.stack([np.full((2, 2), 0.5), [[1, 2], [3, 4]]]).astype(np.float32)
    gap = np.array([0.25, -0.5], dtype=np.float32)
    return explanation(error=error, gap=gap, regions=Regions(labels, weights[0], np.abs(weights[1])))


def loaded(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return dict(stored)


def test_all_that_was_computed_is_in_the_file_unscaled() -> None:
    item, cell = full(), np.eye(224, dtype=bool)
    stored = loaded(values_npz(item, cell))
    assert item.regions is not None
    expected = {
        "values": item.values,
        "native": item.native,
        "error": item.error,
        "gap": item.gap,
        "regions": item.regions.labels,
        "weights": item.regions.weights,
        "weight_errors": item.regions.errors,
        "cell": cell,
    }
    assert set(stored) == {*expected, "classes"} and list(stored["classes"]) == ["a", "b"]
    for name, array in expected.items():
        assert stored[name].dtype == array.dtype and np.array_equal(stored[name], array), name


def test_what_a_method_does_not_have_is_not_in_the_file() -> None:
    assert set(loaded(values_npz(explanation()))) == {"values", "native", "classes"}


def test_the_entry_says_how_a_map_was_made() -> None:
    made = {"seed": 3, "precision": "bfloat16", "threads": 2}
    chosen = ScoreCamSettings(evaluations=500)
    entry = explanation_entry(replace(full(), **made, settings=chosen, evaluations=300, budget=500), "layer4")
    assert {key: entry[key] for key in made} == made and entry["settings"] == {"layer": "", "evaluations": 500}
    assert (entry["evaluations"], entry["budget"], entry["complete"]) == (300, 500, False)
    assert entry["layer"] == "layer4" and entry["superpixels"] == 4
    assert entry["mean_standard_error"] == {"a": 0.5, "b": 2.5} and entry["gap"] == {"a": 0.25, "b": -0.5}
    bare = explanation_entry(explanation(), "layer4")
    assert bare["layer"] is None and bare["complete"]
    assert bare["mean_standard_error"] is None and bare["gap"] is None and bare["superpixels"] is None


def test_evidence_against_alone_is_no_positive_evidence() -> None:
    values = np.stack([-np.ones((8, 8)), np.eye(8) - 0.5]).astype(np.float32)
    assert explanation_entry(explanation(values=values), "")["no_positive_evidence"] == ["a"]


def test_names_that_are_safe_are_kept() -> None:
    names = ["gradcam++", "shap-kernel", "resnet50", "my model 2", "v1.5_b"]
    assert safe_names(names) == {name: name for name in names}


@pytest.mark.parametrize("name", [*RESERVED, "a/b", "..", "a:b", "x ", "x.", "", "a\\b", "a\nb", 'q"', "\udcff", "a*"])
def test_names_that_are_not_are_changed_into_some_that_are(name: str) -> None:
    safe = safe_names([name])[name]
    assert safe != name and safe.strip(" .") == safe and not set(safe) & set('<>:"/\\|?*\n')
    assert safe.partition(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    safe.encode()


def test_names_that_would_meet_are_told_apart() -> None:
    safe = safe_names(["Model", "model", "mo:del", "mo?del"])
    assert len({name.casefold() for name in safe.values()}) == 4 and safe["Model"] == "Model"


def test_documents_hold_plain_finite_numbers() -> None:
    document = {
        "a": np.float32(1.5),
        "b": [np.nan, np.inf, 1],
        "c": np.arange(2),
        "d": (True, None, "x"),
        3: np.bool_(0),
    }
    assert finite(document) == {"a": 1.5, "b": [None, None, 1], "c": [0, 1], "d": [True, None, "x"], "3": False}
    json.dumps(finite(document), allow_nan=False)


class Note:
    """A score as evidence takes it."""

    model = "tiny"

    def document(self) -> dict[str, Any]:
        """With a number that JSON does not know."""
        return {"method": "gradcam", "value": float("nan")}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "tiny")
    classifier = load_classifier(root / "tiny")
    view = frame_image(draw_cell("neutrophil", 3, size=120).image, "cell")
    context = ImageContext(view.rgb)
    maps = explain(classifier, context, ["gradcam", "layercam"])
    return Findings(classifier, view, context, maps, classifier.predict([view.rgb])[0])


def files_of(findings: Findings, **more: Any) -> dict[str, bytes]:
    return evidence_files({"name": "x.png"}, findings.view.rgb, [findings], {"seed": 1}, **more)


def test_the_manifest_comes_last_and_knows_every_file(findings: Findings) -> None:
    files = files_of(findings)
    assert list(files)[-1] == "manifest.json"
    document = json.loads(files["manifest.json"])
    assert document["files"] == {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"
    }
    assert document["complete"] and document["faults"] == [] and "scores.json" not in files
    assert {"lime", "torch", "grad-cam", "python"} <= set(document["versions"])


def test_the_manifest_says_what_the_maps_rest_on(findings: Findings) -> None:
    entry = json.loads(files_of(findings)["manifest.json"])["models"][0]
    assert entry["weights_sha256"] == findings.classifier.weights_sha256
    assert entry["scene_sha256"] == ImageContext(findings.view.rgb).digest
    assert entry["prediction"]["probabilities"] == pytest.approx(findings.prediction.probabilities.tolist())
    cell = loaded(files_of(findings)["tiny/gradcam.npz"])["cell"]
    assert entry["cell_mask"] == {
        "source": "estimated",
        "sha256": hashlib.sha256(cell.astype(np.uint8).tobytes()).hexdigest(),
        "share": pytest.approx(cell.mean()),
    }


def test_the_manifest_knows_the_pictures_of_comparison(findings: Findings) -> None:
    maps = {
        "shap": replace(findings.explanations["gradcam"], settings=ExpectedGradientsSettings(background="cells")),
        "rise": replace(findings.explanations["gradcam"], settings=BaselineSettings(baseline="mean")),
        "odd": replace(findings.explanations["gradcam"], settings=RegionSettings(baseline="region-mean")),
        "gradcam": findings.explanations["gradcam"],
    }
    document = json.loads(files_of(replace(findings, explanations=maps))["manifest.json"])
    found = [entry["background"] for entry in document["models"][0]["explanations"]]
    picture = findings.context.picture()
    hidden = np.full_like(picture, np.rint(picture.mean(axis=(0, 1))))
    digest = hashlib.sha256(repr(hidden.shape).encode() + hidden.tobytes()).hexdigest()
    assert (found[0]["pictures"], len(found[0]["sha256"])) == (25, 64)
    assert found[1] == {"name": "mean", "pictures": 1, "sha256": digest}
    assert found[2]["sha256"] is None and found[3] is None


def test_the_pictures_are_as_they_are_painted(findings: Findings) -> None:
    files = files_of(findings)
    item = findings.explanations["layercam"]
    drawn = np.asarray(Image.open(io.BytesIO(files["tiny/layercam-monocyte.png"])))
    assert np.array_equal(drawn, overlay(item.view, item.map_of("monocyte")))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(files["tiny/view.png"]))), item.view)
    plain = files_of(findings, paint=lambda item, label: item.view)
    assert len({plain[f"tiny/layercam-{label}.png"] for label in CLASSES}) == 1


def test_superpixels_get_a_picture_of_their_borders(findings: Findings) -> None:
    labels = np.arange(120 * 120, dtype=np.int32).reshape(120, 120) // 3600
    weights = np.zeros((5, 4), dtype=np.float32)
    weights[0, 2] = 1
    item = replace(findings.explanations["gradcam"], regions=Regions(labels, weights, weights))
    files = files_of(replace(findings, explanations={"lime": item}))
    drawn = [np.asarray(Image.open(io.BytesIO(files[f"tiny/lime-{label}-borders.png"]))) for label in CLASSES]
    yellow = (drawn[0] == (255, 255, 0)).all(axis=2)
    assert set(np.flatnonzero(yellow.all(axis=1))) == {59, 90}
    assert all(np.array_equal(other, item.view) for other in drawn[1:])


def test_scores_and_faults_are_in_it(findings: Findings) -> None:
    fault = {"model": "other", "message": "broken"}
    files = files_of(replace(findings, scorings=[Note()]), faults=[fault])
    document = json.loads(files["manifest.json"])
    told = [{"method": "gradcam", "value": None}]
    assert document["models"][0]["scores"] == told and document["faults"] == [fault] and not document["complete"]
    assert json.loads(files["scores.json"])["models"] == [{"model": "tiny", "scores": told, "randomisation": []}]


def test_maps_of_a_spent_half_of_the_budget_are_marked(findings: Findings) -> None:
    half = replace(findings.explanations["gradcam"], evaluations=5, budget=10)
    document = json.loads(files_of(replace(findings, explanations={"gradcam": half}))["manifest.json"])
    assert document["complete"] is False and document["models"][0]["explanations"][0]["complete"] is False


def test_the_same_evidence_has_the_same_bytes(findings: Findings, tmp_path: Path) -> None:
    first, second = zipped(files_of(findings)), zipped(files_of(findings))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None and archive.namelist()[-1] == "manifest.json"
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        archive.extractall(tmp_path)
    assert (tmp_path / "tiny" / "gradcam.npz").read_bytes() == files_of(findings)["tiny/gradcam.npz"]


def test_models_whose_names_meet_get_folders_of_their_own(findings: Findings) -> None:
    other = replace(findings, classifier=replace(findings.classifier, name="Tiny"))
    files: Mapping[str, bytes] = evidence_files({}, findings.view.rgb, [findings, other], {})
    folders = {entry["model"]: entry["folder"] for entry in json.loads(files["manifest.json"])["models"]}
    assert folders["tiny"] == "tiny" and folders["Tiny"].startswith("Tiny-")
    assert f"{folders['Tiny']}/gradcam.npz" in files

"""One class against another on the Explain page, how alike two classes' maps are, and the reader's own regions."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.explanation.contrast import contrasted
from core.explanation.engine import explain
from core.explanation.evidence import picture_png
from core.explanation.quality.similarity import alike_sentence
from core.explanation.wording import raw
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from core.preprocessing.own_regions import OwnRegions
from core.preprocessing.parameters import CellParameters
from dashboard.answers import Answer
from dashboard.explain import jobs
from dashboard.explain.bundle import ShownEvidence
from dashboard.explain.jobs import ModelRow
from dashboard.explain.rendering import Look
from dashboard.images import gallery_subjects
from dashboard.models import ModelEntry
from tests.support.reading import Start, alerts, assert_sound, button, go, html, press, query, shown


@pytest.fixture(autouse=True)
def fresh_service() -> Iterator[None]:
    jobs.service.clear()
    yield
    jobs.service.clear()


def figure_of(app: AppTest) -> str:
    """The figure's titles and what stands below its pictures."""
    return str(app.get("plotly_chart")[0].proto.spec)


@pytest.mark.parametrize("name", ["islam_cnn", "resnet50"])
def test_the_figure_holds_a_class_against_another(start: Start, tiny_root: Path, name: str) -> None:
    chosen = {"image": "cell-1", "models": name, "methods": "gradcam,layercam", "layout": "figure"}
    app = start("explain", **chosen, label="monocyte", against="basophil")
    assert_sound(app)
    view = frame_image(gallery_subjects()["cell-1"].rgb, "cell").rgb
    found = explain(load_classifier(tiny_root / name), view, ["gradcam"])["gradcam"]
    lead = contrasted(found, "basophil", ["monocyte"]).native[0]
    told = figure_of(app)
    assert raw(float(lead.max() if lead.max() > 0 else -lead.min())) in told and "against basophil, " in told
    assert "LayerCAM has no contrastive map" in html(app)
    assert "rather than for basophil: the difference of the two classes' values before the ReLU" in html(app).replace(
        "&#x27;", "'"
    )
    wanted = alike_sentence(found, "monocyte", "basophil")
    assert not wanted or wanted in shown(app)


def test_the_runner_up_is_each_models_own_and_travels_in_the_address(start: Start) -> None:
    app = start("explain", models="islam_cnn", layout="figure")
    app.pills(key="choice-against").set_value("runner-up").run()
    assert_sound(app)
    assert query(app)["against"] == "runner-up" and "against " in figure_of(app)
    app.pills(key="choice-against").set_value("none").run()
    assert "against" not in query(app)
    assert "No model here has the class “platelet”" in alerts(start("explain", layout="figure", against="platelet"))


@pytest.fixture
def names(tiny_root: Path) -> dict[str, str]:
    """By model the class that it names of the first cell; two of the models differ."""
    rgb, found = gallery_subjects()["cell-1"].rgb, {}
    for model in ("islam_cnn", "resnet50", "vgg19"):
        classifier = load_classifier(tiny_root / model)
        found[model] = classifier.predict([frame_image(rgb, classifier.card.framing or "cell").rgb])[0].predicted
    return found


def notes_of(app: AppTest) -> list[tuple[str, float]]:
    """Every title and text of the figure, and where it begins."""
    return [(note["text"], note["x"]) for note in json.loads(figure_of(app))["layout"]["annotations"]]


def test_a_row_that_names_the_class_held_against_has_a_sentence_and_no_map(start: Start, names: dict[str, str]) -> None:
    against = names["islam_cnn"]
    others = [model for model, named in names.items() if named != against]
    assert others, names
    chosen = {"image": "cell-1", "methods": "gradcam,gradcam++,hirescam", "layout": "figure", "label": "named"}
    app = start("explain", models=f"islam_cnn,{others[0]}", **chosen, against=against)
    assert_sound(app)
    notes = notes_of(app)
    told = [re.sub("<br>", " ", text) for text, _ in notes]
    assert told.count(f"No map: {against} cannot be held against itself.") == 2  # by Grad-CAM and HiResCAM
    assert told.count("No map: its values are not linear.") == 2  # Grad-CAM++, in both rows
    assert len(json.loads(figure_of(app))["layout"]["images"]) == 2 + 2  # pictures, and the other row's two maps
    for head in ("Grad-CAM", "Grad-CAM++", "HiResCAM"):
        places = [place for text, place in notes if text == f"<b>{head}</b>"]
        assert len(places) == 2 and len(set(places)) == 1
    assert f"rather than for {against}" in html(app) and "Grad-CAM++ has no contrastive map" in html(app)


def test_a_choice_that_leaves_no_map_is_not_dropped_in_silence(start: Start, names: dict[str, str]) -> None:
    against = names["islam_cnn"]
    app = start("explain", image="cell-1", models="islam_cnn", layout="figure", label="named", against=against)
    assert_sound(app)
    told = [re.sub("<br>", " ", text) for text, _ in notes_of(app)]
    assert f"No map: {against} cannot be held against itself." in told
    assert "no map. In the place of each stands why." in html(app)
    assert not any(each.label.startswith("Figure as") for each in app.get("download_button"))


def test_how_alike_two_classes_are_is_said_below_each_row_but_not_of_eigencam(start: Start) -> None:
    app = start("explain", models="islam_cnn,vgg19", methods="gradcam++,eigencam")
    assert_sound(app)
    told = re.findall(r"(?:nearly the same map for|Rank correlation of the maps of) \w+ and \w+", html(app))
    assert 0 < len(told) <= 2 and "EigenCAM shows nearly" not in html(app)


def regions_png(shape: tuple[int, int], parts: int) -> bytes:
    numbers = np.arange(shape[0])[:, None] * parts // shape[0] + np.zeros(shape[1], int)
    buffer = io.BytesIO()
    Image.fromarray(numbers.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def give(app: AppTest, data: bytes, name: str = "regions.png") -> AppTest:
    return app.file_uploader(key="own-regions-0").set_value((name, data, "image/png")).run()


def test_own_regions_are_told_of_used_at_once_and_given_up_again(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn", methods="gradcam,lime", set="lime.samples:20")
    shape = gallery_subjects()["cell-1"].rgb.shape[:2]
    give(app, regions_png((20, 30), 3))
    assert_sound(app)
    assert "regions.png has 30x20 pixels" in alerts(app)
    assert "max " in html(app) or "no positive evidence" in html(app)  # Grad-CAM is none the worse for it
    give(app, regions_png(shape, 1))
    assert "one region" in alerts(app)
    give(app, b"no picture")
    assert "regions.png cannot be read" in alerts(app)
    give(app, regions_png(shape, 12))
    assert_sound(app)
    assert "12 regions of your own." in shown(app) and "lime.superpixels:own" in query(app)["set"]
    assert "no regions of your own" not in alerts(app)
    app.file_uploader(key="own-regions-0").set_value([]).run()
    assert_sound(app)
    assert "superpixels" not in query(app)["set"]


def test_a_link_to_own_regions_asks_for_them(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn", methods="lime", set="lime.superpixels:own")
    assert_sound(app)
    assert "no regions of your own were given" in alerts(app)
    assert button(app, "Back to the defaults")
    give(app, regions_png(gallery_subjects()["cell-1"].rgb.shape[:2], 9))
    assert "no regions of your own were given" not in alerts(app)


def test_at_another_image_the_methods_do_without_own_regions_and_back_again(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn", methods="lime,shap-kernel", set="lime.samples:20")
    give(app, regions_png(gallery_subjects()["cell-1"].rgb.shape[:2], 9))
    app.pills(key="choice-image").set_value("cell-2").run()
    assert_sound(app)
    assert "was given for another image" in alerts(app) and "no regions of your own" not in alerts(app)
    assert query(app)["image"] == "cell-2" and query(app)["set"] == "lime.samples:20"
    app.pills(key="choice-image").set_value("cell-1").run()
    assert "9 regions of your own." in shown(app) and "lime.superpixels:own" in query(app)["set"]
    give(app, b"no picture")
    assert "regions.png cannot be read" in alerts(app) and "no regions of your own" not in alerts(app)
    assert query(app)["set"] == "lime.samples:20"


def test_a_link_that_brings_another_image_does_without_own_regions_too(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn", methods="lime")
    give(app, regions_png(gallery_subjects()["cell-1"].rgb.shape[:2], 9))
    app.query_params["image"] = "cell-2"
    app.run()
    assert_sound(app)
    assert "no regions of your own" not in alerts(app) and "set" not in query(app)


def test_regions_that_are_forgotten_are_no_longer_asked_for(start: Start) -> None:
    app = start("explain", models="islam_cnn", methods="lime")
    subject = gallery_subjects()["cell-1"]
    app.file_uploader(key="intake-files-0").set_value(("mine.png", picture_png(subject.rgb), "image/png")).run()
    regions = ("regions.png", regions_png(subject.rgb.shape[:2], 9), "image/png")
    app.file_uploader(key="own-regions-1").set_value(regions).run()
    assert "9 regions of your own." in shown(app) and "lime.superpixels:own" in query(app)["set"]
    press(app, "Forget all uploads")
    assert_sound(app)
    assert "no regions of your own" not in alerts(app) and "set" not in query(app)


def test_regions_that_went_with_the_page_are_no_longer_asked_for(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn", methods="lime")
    give(app, regions_png(gallery_subjects()["cell-1"].rgb.shape[:2], 9))
    go(go(app, "compare"), "explain")
    assert_sound(app)
    assert "9 regions of your own." not in shown(app) and "set" not in query(app)
    assert "no regions of your own" not in alerts(app)


def test_the_zip_holds_what_is_held_against_what_and_the_regions(tiny_root: Path) -> None:
    classifier, subject = load_classifier(tiny_root / "islam_cnn"), gallery_subjects()["cell-1"]
    view = frame_image(subject.rgb, "cell")
    answer = Answer(ModelEntry("islam_cnn", "CNN", classifier), "cell", True, classifier.predict([view.rgb])[0], view)
    row = ModelRow(answer, explain(classifier, view.rgb, ["gradcam"]))
    lead = contrasted(row.explanations["gradcam"], "basophil", ["monocyte"])
    labels = np.arange(subject.rgb.shape[0])[:, None] * 3 // subject.rgb.shape[0] + np.zeros(subject.rgb.shape[1], int)
    data = ShownEvidence(
        [row],
        subject,
        CellParameters(),
        Look("viridis", "blue-red", 0.5, False),
        regions=OwnRegions(labels.astype(np.int32), "r.png", "ab"),
        contrasts={"islam_cnn": {"gradcam": lead}},
    ).zip()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        document = json.loads(archive.read("manifest.json"))
        stored = np.load(io.BytesIO(archive.read("islam_cnn/gradcam-against-basophil.npz")))
        assert "islam_cnn/gradcam-monocyte-against-basophil.png" in archive.namelist()
    assert np.array_equal(stored["native"], lead.native) and document["models"][0]["contrasts"][0]["signed"]
    assert document["parameters"]["regions"] == {"name": "r.png", "sha256": "ab", "count": 3}
    assert document["models"][0]["regions"]["count"] >= 2


def test_one_page_holds_what_the_zip_holds_and_is_offered(start: Start, tiny_root: Path) -> None:
    app = start("explain", models="islam_cnn")
    assert_sound(app)
    assert {"Download everything as a zip", "One page (HTML)"} <= {each.label for each in app.get("download_button")}
    classifier, subject = load_classifier(tiny_root / "islam_cnn"), gallery_subjects()["cell-1"]
    view = frame_image(subject.rgb, "cell")
    answer = Answer(ModelEntry("islam_cnn", "CNN", classifier), "cell", True, classifier.predict([view.rgb])[0], view)
    maps = explain(classifier, view.rgb, ["gradcam", "lime"], settings={"lime": {"samples": 20}})
    row, broken = ModelRow(answer, maps), ModelRow(answer, fault="It could not be read.")
    look = Look("magma", "purple-orange", 0.5, True, ("lime",))
    page = ShownEvidence([row, broken], subject, CellParameters(), look).page().decode()
    assert page.count("<figure") == 2 + 2 * 5 and "Outlined: the up to five superpixels" in page
    assert "largest value of a model" in page and "Palette magma" in page and "It could not be read." in page
    assert classifier.weights_sha256 in page and "Not a medical device" in page

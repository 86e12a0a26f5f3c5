"""Maps that sharpen on the Explain page: progress, stop, settings, faults."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.classes import CLASSES
from core.explanation.engine import explain
from core.explanation.methods.rise import RiseEstimator
from core.explanation.wording import largest_values
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from dashboard.explain import jobs
from dashboard.images import gallery_subjects
from tests.support.reading import (
    PATIENCE,
    Start,
    alerts,
    assert_sound,
    button,
    html,
    labels,
    progress,
    query,
    rerun_until,
    titles,
)
from tests.support.tiny_models import make_model

SHORT = "rise.samples:60"
LONG = "rise.samples:20000"


@pytest.fixture(autouse=True)
def fresh_service() -> Iterator[None]:
    """Each test has a service of its own: what one stopped is not stopped in the next."""
    jobs.service.clear()
    yield
    jobs.service.clear()


def test_a_slow_method_sharpens_until_it_is_what_the_engine_says(start: Start, tiny_root: Path) -> None:
    app = start("explain", image="cell-6", models="vgg19", methods="rise", set=SHORT, seed="3")
    assert_sound(app)
    assert titles(app)[-6:] == ["Seen by the model", *CLASSES]
    rerun_until(app, "60 of 60 samples, .*finished")
    assert "standard error" in html(app)
    view = frame_image(gallery_subjects()["cell-6"].rgb, "cell").rgb
    classifier = load_classifier(tiny_root / "vgg19")
    expected = explain(classifier, view, ["rise"], settings={"rise": {"samples": 60}}, seed=3)["rise"]
    for name in CLASSES:
        assert "<br>".join(largest_values(expected, name)) in html(app)


def test_the_maps_of_one_pass_are_there_at_once_beside_slow_ones(start: Start) -> None:
    app = start("explain", models="vgg19", methods="gradcam,rise", set=LONG)
    assert "Stop all" in labels(app)
    assert "sharpening" in html(app)
    first = html(app).split("ll-method")[1]
    assert "ll-waiting" not in first and first.count(">max ") + first.count("no positive evidence") >= 5


def test_stopping_keeps_what_is_there_and_continuing_goes_on(start: Start) -> None:
    app = rerun_until(start("explain", models="vgg19", methods="rise", set=LONG, seed="4"), "standard error")
    button(app, "Stop").click().run()
    assert_sound(app)
    rerun_until(app, ", stopped")
    time.sleep(0.5)  # a step under way is finished
    stopped = progress(app.run())
    assert stopped[0] > 0 and "Stop all" not in labels(app)
    time.sleep(0.2)
    app.run()
    assert progress(app) == stopped
    assert html(app).count("±") >= 5
    button(app, "Continue").click().run()
    rerun_until(app, r"of 20,000 samples, [\d.]+ s<")
    end = time.monotonic() + PATIENCE
    while progress(app) == stopped and time.monotonic() < end:
        app.run()
    assert progress(app) > stopped
    button(app, "Stop all").click().run()
    rerun_until(app, ", stopped")


def test_a_larger_budget_continues_and_reaches_the_address(start: Start) -> None:
    app = rerun_until(start("explain", models="vgg19", methods="rise", set=SHORT, seed="5"), "finished")
    button(app, "Go on to 120 samples").click().run()
    rerun_until(app, "120 of 120 samples, .*finished")
    assert query(app)["set"] == "rise.samples:120"
    assert app.number_input(key="choice-set-rise-samples").value == 120


def test_settings_reach_the_address_and_the_maps(start: Start) -> None:
    app = start("explain", models="vgg19", methods="gradcam,occlusion", set="occlusion.evaluations:30")
    app.selectbox(key="choice-set-occlusion-baseline").set_value("mean").run()
    assert query(app)["set"] == "occlusion.evaluations:30,occlusion.baseline:mean"
    layers = app.selectbox(key="choice-set-gradcam-layer@vgg19").options
    assert layers[0].startswith("Last convolution")
    app.selectbox(key="choice-set-gradcam-layer@vgg19").select_index(1).run()
    assert_sound(app)
    assert f"gradcam.layer@vgg19:{layers[1]}" in query(app)["set"]
    before = html(app)
    app.number_input(key="choice-seed").set_value(7).run()
    assert query(app)["seed"] == "7"
    button(app, "Back to the defaults").click().run()
    assert not {"set", "seed"} & set(query(app))
    assert re.findall(r">max [^<]*", html(app)) != re.findall(r">max [^<]*", before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rise.samples:0", "samples must be a whole number from 10 to 20,000"),
        ("rise.samples:10000000", "samples must be a whole number"),
        ("rise.nosuch:1", "no setting “nosuch”"),
        ("nosuch.samples:1", "which no method has"),
        ("rise", "has no value"),
        ("rise.samples@vgg19:20", "no setting “samples@vgg19”"),
        ("gradcam.layer:<b>", "letters, digits"),
        ("x" * 3000, "too long"),
    ],
)
def test_bad_settings_are_told_and_the_defaults_stand_in(start: Start, text: str, said: str) -> None:
    app = start("explain", models="vgg19", set=text)
    assert_sound(app)
    assert said in alerts(app) and "<b>" not in alerts(app)
    assert html(app).count(", named") == 1


def test_a_layer_that_a_model_lacks_is_told_in_its_row(start: Start) -> None:
    app = start("explain", models="vgg19,islam_cnn", set="gradcam.layer@vgg19:nosuch")
    assert_sound(app)
    assert "VGG-19: gradcam: vgg19 has no layer 'nosuch'" in alerts(app).replace("\\", "")
    assert html(app).count(", named") == 1


def test_links_of_before_still_work(start: Start) -> None:
    app = start("explain", models="vgg19", method="gradcam++")
    assert app.pills(key="choice-methods-gradient").value == ["gradcam++"]
    assert query(app) == {"models": "vgg19", "methods": "gradcam++"}
    assert "guess" in alerts(start("explain", models="vgg19", method="guess"))


def test_methods_and_classes_are_chosen(start: Start) -> None:
    app = start("explain", models="vgg19")
    app.pills(key="choice-methods-gradient").set_value(["eigencam", "gradcam"]).run()
    app.pills(key="choice-classes").set_value(["monocyte"]).run()
    assert_sound(app)
    assert titles(app).count("monocyte") == 2 and "neutrophil" not in titles(app)
    assert query(app) == {"models": "vgg19", "methods": "gradcam,eigencam", "classes": "monocyte"}
    app.pills(key="choice-methods-gradient").set_value([]).run()
    assert "No method is switched on" in alerts(app)
    assert "No model here has the class “blast”" in alerts(start("explain", models="vgg19", classes="blast,monocyte"))


def test_a_class_that_a_model_lacks_is_said(start: Start, tmp_path: Path) -> None:
    make_model(tmp_path, "vgg19")
    make_model(tmp_path, "mine", card={"classes": ("blast", *CLASSES[1:]), "test": None, "unseen": ()})
    app = start("explain", root=tmp_path, models="vgg19,mine")
    assert_sound(app)
    captions = [item.value for item in app.caption]
    assert "VGG-19 does not know this class." in captions and "Title of mine does not know this class." in captions


def test_a_method_that_fails_says_so_and_can_be_tried_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: RiseEstimator) -> None:
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patched:
        patched.setattr(RiseEstimator, "advance", broken)
        app = start("explain", models="vgg19", methods="gradcam,rise", set=SHORT, seed="6")
        end = time.monotonic() + PATIENCE
        while "This computation failed" not in alerts(app):
            assert time.monotonic() < end
            app.run()
        assert_sound(app)
        assert "This computation failed" in alerts(app) and "secret detail" not in alerts(app)
        assert html(app).count(", named") == 1
    button(app, "Try again").click().run()
    rerun_until(app, "finished")


def test_an_address_that_is_out_of_date_does_not_undo_a_choice(start: Start) -> None:
    app = start("explain", models="islam_cnn")
    app.pills(key="choice-methods-gradient").set_value(["gradcam", "layercam"]).run()
    app.query_params.clear()
    app.query_params["models"] = "islam_cnn"  # what a browser sends that has not heard of the new address yet
    app.run()
    assert app.pills(key="choice-methods-gradient").value == ["gradcam", "layercam"]
    assert query(app) == {"models": "islam_cnn", "methods": "gradcam,layercam"}


def test_a_leaving_reader_stops_the_work(start: Start) -> None:
    app = rerun_until(start("explain", models="vgg19", methods="rise", set=LONG, seed="8"), "standard error")
    app.pills(key="choice-models").set_value(["islam_cnn"]).run()
    engine = jobs.service()
    works = [entry.work for entry in engine._cache.entries.values()]
    assert all(one.lease is not None and np.isfinite(one.deadline) for work in works for one in work.interests.values())

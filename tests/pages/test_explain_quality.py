"""What a map is worth, on the Explain page: scores, randomisation check, agreement, mask, bundle."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.quality.scores import SCORES
from core.explanation.quality.scoring import ScoringTask
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from dashboard import answers, uploads
from dashboard.explain import jobs
from dashboard.explain.scoring import HELD
from dashboard.images import gallery_subjects
from tests.support.reading import Start, alerts, assert_sound, button, go, html, labels, png, rerun_until


@pytest.fixture(autouse=True)
def fresh_service() -> Iterator[None]:
    jobs.service.clear()
    yield
    jobs.service.clear()


def mask_png(shape: tuple[int, int], marked: bool = True) -> bytes:
    mask = np.zeros(shape, np.uint8)
    if marked:
        mask[shape[0] // 3 : 2 * shape[0] // 3, shape[1] // 3 : 2 * shape[1] // 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


def give_mask(app: AppTest, data: bytes) -> AppTest:
    return app.file_uploader(key="cell-mask-0").set_value(("mask.png", data, "image/png")).run()


def figures(app: AppTest) -> dict[str, list[str]]:
    """Each score's figures as the table has them: the map's, then the controls'."""
    table = html(app).partition('class="ll-scores"')[2]
    found = {}
    for row in re.findall(r'<tr><th scope="row".*?</tr>', table):
        title = re.sub("<.*?>", "", re.findall(r'">(.*?) <span', row)[0])
        found[title] = [re.sub("<.*?>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)]
    return found


def test_the_scores_are_the_engines_and_stand_beside_three_controls(start: Start, tiny_root: Path) -> None:
    app = start("explain", image="cell-2", models="islam_cnn", methods="gradcam")
    app.selectbox(key="worth-class-islam_cnn-cell-2").set_value("monocyte").run()
    assert 'class="ll-scores"' not in html(app)
    button(app, "Score this map").click().run()
    rerun_until(app, SCORES["stability"].title)
    classifier, view = (
        load_classifier(tiny_root / "islam_cnn"),
        frame_image(gallery_subjects()["cell-2"].rgb, "cell").rgb,
    )
    context = ImageContext(view)
    task = ScoringTask(classifier, context, explain(classifier, context, ["gradcam"])["gradcam"], "monocyte")
    while not task.done:
        task.advance()
    shown = figures(app)
    for row in task.scoring().rows:
        values = [row.value, *(row.controls.get(name) for name in ("random", "edges", "centre"))]
        expected = ["–" if value is None else f"{value:.2f}".replace("-", "−") for value in values]
        assert shown[SCORES[row.score].title] == expected
        assert row.sentence[:40] in html(app).replace("&#x27;", "'")
    assert "estimate of the preprocessing" in html(app)


def test_the_randomisation_check_gives_a_verdict(start: Start) -> None:
    app = start("explain", image="cell-3", models="islam_cnn", methods="eigencam")
    button(app, "Run the randomisation check").click().run()
    rerun_until(app, "Likeness to the original map")
    for _ in range(100):
        if "Randomisation check. " in alerts(app):
            break
        app.run()
    assert "Randomisation check. " in alerts(app)
    assert_sound(app)


def test_agreement_is_told_where_there_is_something_to_compare(start: Start) -> None:
    app = start("explain", models="islam_cnn,vgg19", methods="gradcam,layercam,eigencam")
    assert_sound(app)
    assert "Methods, in VGG-19" in html(app) and "Models, by Grad-CAM" in html(app)
    assert "EigenCAM is left out: its sign is arbitrary" in html(app)
    assert 'class="ll-matrix"' not in html(start("explain", models="islam_cnn", methods="gradcam"))


def test_a_mask_of_another_size_is_told_and_a_right_one_is_used(start: Start) -> None:
    app = start("explain", image="cell-1", models="islam_cnn")
    shape = gallery_subjects()["cell-1"].rgb.shape[:2]
    give_mask(app, mask_png((20, 30)))
    assert_sound(app)
    assert "The mask has 30x20 pixels" in alerts(app)
    assert "estimate of the preprocessing" in html(app)
    give_mask(app, mask_png(shape, marked=False))
    assert "marks no pixel" in alerts(app)
    give_mask(app, b"no picture")
    assert "mask.png" in alerts(app)
    give_mask(app, mask_png(shape))
    assert_sound(app)
    assert "your own mask" in html(app)
    app.pills(key="choice-image").set_value("cell-2").run()
    assert "was given for another image" in alerts(app) and "your own mask" not in html(app)


@pytest.mark.parametrize("page", ["explain", "preprocess"])
def test_an_unfamiliar_image_is_called_so(start: Start, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    real = answers.prediction_of
    monkeypatch.setattr(
        answers, "prediction_of", lambda *given: dataclasses.replace(real(*given), novelty=9.0, unfamiliar=True)
    )
    assert "Unfamiliar stain or cell" in alerts(start(page))


def test_forgetting_an_upload_forgets_what_it_led_to(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("mine.png", png(), "image/png")).run()
    app = go(app, "explain")
    button(app, "Score this map").click().run()
    assert len(jobs.service()._cache.pictures) >= 1 and app.session_state[HELD]
    button(app, "Forget all uploads").click().run()
    assert_sound(app)
    assert not app.session_state[HELD]
    owners = {place[0] for place in jobs.service()._cache.pictures}
    assert owners <= {""}


def test_a_picture_of_nothing_gives_no_stretched_noise(start: Start) -> None:
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("blank.png", png((128, 128, 128)), "image/png")).run()
    app = go(app, "explain")
    assert_sound(app)
    assert "No cell was found in this picture" in html(app)
    assert app.session_state[uploads.STORE].files


def test_the_bundle_holds_what_was_scored(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = st.download_button

    def caught(label: str, data: object, *rest: object, **more: object) -> bool:
        if label.startswith("Download everything"):
            made.append(data)
        return real(label, data, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(st, "download_button", caught)
    app = start("explain", image="cell-4", models="islam_cnn")
    button(app, "Score this map").click().run()
    rerun_until(app, SCORES["stability"].title)
    assert "Score it again" in labels(app)
    with zipfile.ZipFile(io.BytesIO(made[-1]())) as archive:
        scores, manifest = archive.read("scores.json").decode(), json.loads(archive.read("manifest.json"))
    assert '"deletion"' in scores and "islam_cnn" in scores
    assert [model["model"] for model in manifest["models"]] == ["islam_cnn"]

"""Our maps beside the reference library's, on the Explain page: asked for, watched, stopped, compared."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from core.explanation.reference import process as process_module
from core.runs.process import runs_still
from dashboard.explain import jobs, verification
from dashboard.explain.reference import CHECK
from dashboard.explain.verification import HELD
from tests.support.reading import Start, alerts, assert_sound, button, html, labels, rerun_until, shown

PATIENCE = 180.0  # s, for two processes that import everything


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    jobs.service.clear()
    verification.line.clear()
    yield
    verification.line().close()
    verification.line.clear()
    jobs.service.clear()


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that do nothing for ten minutes, but say that they were shown 40 of 100 pictures."""
    code = (
        "import sys, time; open(sys.argv[1] + '/progress.json', 'w').write('{\"done\": 40, \"expected\": 100}');"
        "time.sleep(600)"
    )

    def spawn(place: Path) -> subprocess.Popen[bytes]:
        with (place / process_module.STDERR).open("wb") as errors:
            return subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stderr=errors)

    monkeypatch.setattr(process_module, "_spawn", spawn)


def test_maps_agree_with_the_library_and_stand_in_the_bundle(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = st.download_button

    def caught(label: str, data: object, *rest: object, **more: object) -> bool:
        if label.startswith("Download everything"):
            made.append(data)
        return real(label, data, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(st, "download_button", caught)
    app = start("explain", image="cell-2", models="islam_cnn", methods="layercam,eigencam")
    assert app.selectbox(key="verify-method").options == ["All shown here", "LayerCAM", "EigenCAM"]
    app.selectbox(key="verify-class-islam_cnn-cell-2").set_value("monocyte").run()
    button(app, CHECK).click().run()
    end = time.monotonic() + PATIENCE
    while html(app).count("<strong>Difference</strong>") < 2:
        assert time.monotonic() < end, shown(app)[-3000:]
        time.sleep(0.3)
        app.run()
    assert_sound(app)
    agreed = [item.value for item in app.success]
    assert len(agreed) == 2 and all(text.startswith("The maps agree: ") for text in agreed), agreed
    assert html(app).count("<strong>Ours</strong>") == 2 and html(app).count("pytorch-grad-cam 1") == 2
    assert "Tolerance: 0.1 %" in shown(app) and "Stop" not in labels(app)
    with zipfile.ZipFile(io.BytesIO(made[-1]())) as archive:  # type: ignore[operator]
        manifest = json.loads(archive.read("manifest.json"))
        assert {"islam_cnn/layercam-reference.npz", "islam_cnn/eigencam-reference.npz"} <= set(archive.namelist())
    found = [(entry["method"], entry["label"], entry["agrees"]) for entry in manifest["verification"]]
    assert found == [("layercam", "monocyte", True), ("eigencam", "monocyte", True)]


@pytest.mark.usefixtures("sleeping")
def test_one_runs_the_other_waits_and_stop_ends_both(start: Start) -> None:
    app = start("explain", image="cell-2", models="islam_cnn", methods="gradcam,layercam")
    button(app, CHECK).click().run()
    rerun_until(app, "40 of 100 pictures shown to the model")
    assert "waiting for one check before it" in html(app) and button(app, CHECK).disabled
    running, waiting = (each.process for each in app.session_state[HELD].values())
    assert runs_still(running.pid) and waiting.pid == 0
    button(app, "Stop").click().run()
    assert_sound(app)
    assert not runs_still(running.pid) and (running.state, waiting.state) == ("stopped", "stopped")
    assert alerts(app).count("Stopped.") == 2 and not button(app, CHECK).disabled


@pytest.mark.usefixtures("sleeping")
def test_forgetting_ends_the_process(start: Start) -> None:
    app = start("explain", image="cell-2", models="islam_cnn", methods="gradcam")
    button(app, CHECK).click().run()
    (held,) = app.session_state[HELD].values()
    assert runs_still(held.process.pid)
    verification.line().close()
    assert not runs_still(held.process.pid)


def test_a_method_without_a_reference_says_so(start: Start) -> None:
    app = start("explain", image="cell-2", models="islam_cnn", methods="rise", set="rise.samples:20")
    rerun_until(app, "20 of 20 samples, .*finished")
    assert "No reference library computes RISE" in shown(app) and button(app, CHECK).disabled
    assert_sound(app)

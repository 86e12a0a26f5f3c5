"""The Train page in a real browser: a tiny training on simulated cells, cancelled, resumed and done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from core.classes import CLASSES
from core.runs.directory import RunDirectory
from core.simulation import draw_cell
from tests.support.browser import PATIENCE

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

RECIPE = b"""
name = "tiny"
architecture = "islam_cnn"
patience = 0
average = 0.5
[data]
framing = "frame"
[augment]
on = false
[[stages]]
size = 120
epochs = 60
batch_size = 8
learning_rate = 1e-3
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cells")
    for number, (side, count) in enumerate((("train", 4), ("val", 2), ("test", 2))):
        for label in CLASSES[:2]:
            folder = root / side / label
            folder.mkdir(parents=True)
            for one in range(count):
                image = draw_cell(label, 700_000 + 100 * number + one, size=96).image
                Image.fromarray(image).save(folder / f"{one}.png")
    return root


def test_a_training_is_started_cancelled_resumed_and_done(page: sync_api.Page, runs: Path, cells: Path) -> None:
    page.goto("/train")
    place = page.get_by_role("textbox", name="Images: path on the server")
    place.fill(str(cells))
    place.press("Enter")
    page.get_by_text("Trains MobileNet-V3-Small").wait_for()
    page.get_by_role("combobox", name="Recipe").click()
    page.get_by_role("option", name="One of your own").click()
    uploader = page.get_by_test_id("stFileUploader").filter(has_text="A recipe file")
    recipe = {"name": "tiny.toml", "mimeType": "text/plain", "buffer": RECIPE}
    uploader.locator("input[type=file]").set_input_files(recipe)
    page.get_by_text("60 epochs at 120 px").wait_for()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**run=tiny-islam_cnn")
    run = RunDirectory(runs / "tiny-islam_cnn")
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for(timeout=PATIENCE)
    first = len(run.history())
    page.get_by_text(re.compile(r"Epoch \d+ of 60")).wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Yes, end it").click()
    page.get_by_text(re.compile(r"Cancelled after \d+ of 60 epochs")).wait_for(timeout=PATIENCE)
    reached = len(run.history())
    assert 1 <= first <= reached < 60
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Show it in the dashboard").wait_for(timeout=PATIENCE)
    assert run.state() == "done"
    assert run.history()["epoch"].tolist() == list(range(60))


def test_the_train_page_fits_a_phone_and_rests_when_nothing_goes_on(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    frames: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))  # noqa: PLW0108
    page.goto("/train?run=tiny-islam_cnn")
    page.get_by_text("What was trained").wait_for()
    page.wait_for_timeout(2500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    seen = len(frames)
    assert seen > 0
    page.wait_for_timeout(4500)
    assert len(frames) == seen

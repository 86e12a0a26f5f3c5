"""The phone's app in a browser: its cell finder beside Python's (from its source, no build needed), and, where
`make phone` has built it, answers, maps, offline use and what it asks for."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.phone import APP, app_megabytes, compared, examined, opened, served, simulated_files
from core.decoding import decode
from core.models.checkpoints import find, load_classifier
from core.models.classifier import resize
from core.preprocessing.framing import cut_out
from core.simulation import draw_cell

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SOURCE = Path(__file__).parents[2] / "phone" / "src"
FIND = """async ([data, width, height, size]) => {
  const { cutOut } = await import("./cell.js");
  const { resizeForModel } = await import("./raster.js");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const { picture, box, found } = cutOut({ data: bytes, width, height, channels: 3 });
  return { box, found, view: Array.from(resizeForModel(picture, size).data) };
}"""


def padded(rgb: np.ndarray, colour: int) -> np.ndarray:
    """In a circle, as through an eyepiece, on an even ground."""
    rows, columns = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]]
    outside = np.hypot(rows - rgb.shape[0] / 2, columns - rgb.shape[1] / 2) > 0.49 * min(rgb.shape[:2])
    changed = rgb.copy()
    changed[outside] = colour
    return changed


def pictures() -> dict[str, np.ndarray]:
    cell = draw_cell("neutrophil", 71, size=363).image
    return {
        "reduced": cell,
        "small": draw_cell("lymphocyte", 72, size=120).image,
        "by whole blocks": draw_cell("monocyte", 73, size=480).image,
        "wide": np.ascontiguousarray(np.hstack([cell, draw_cell("eosinophil", 74, size=363).image])),
        "at the edge": np.ascontiguousarray(cell[120:, 90:]),
        "framed in black": np.pad(cell, ((31, 17), (0, 40), (0, 0))),
        "black eyepiece": padded(cell, 0),
        "grey eyepiece": padded(cell, 120),
        "empty": np.full((90, 130, 3), 225, dtype=np.uint8),
        "over 1,024 px": np.ascontiguousarray(
            draw_cell("basophil", 75, size=640).image.repeat(3, axis=0).repeat(3, axis=1)
        ),
    }


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 390, "height": 844})
    yield made
    made.close()


@pytest.fixture(scope="module")
def source_page(context: Any) -> Iterator[Any]:
    with served(SOURCE) as address:
        page = context.new_page()
        page.goto(f"{address}masks.js")  # any file of ours: the modules are imported from beside it
        yield page


@pytest.mark.parametrize("name", pictures())
def test_the_phone_cuts_out_what_python_cuts_out(source_page: Any, name: str) -> None:
    rgb = pictures()[name]
    height, width = rgb.shape[:2]
    told = source_page.evaluate(FIND, [base64.b64encode(rgb.tobytes()).decode(), width, height, 224])
    expected = cut_out(rgb)
    assert (tuple(told["box"]), told["found"]) == (expected.box, expected.found)
    difference = np.abs(np.array(told["view"]) - resize(expected.rgb, 224).astype(int).ravel())
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.fixture(scope="module")
def app(context: Any) -> Iterator[tuple[Any, str, list[str]]]:
    """A context in which the built app was opened once, its address, and everything asked for since."""
    if not (APP / "models.json").is_file():
        pytest.skip("the phone's app is not built here: make phone (needs Node.js)")
    with served(APP) as address:
        asked: list[str] = []
        context.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
        opened(context, address).close()
        yield context, address, asked


def test_the_app_is_small_enough(app: Any) -> None:
    assert app_megabytes() < 15


def test_class_box_and_map_are_pythons(app: tuple[Any, str, list[str]]) -> None:
    context, address, _ = app
    names = [model["name"] for model in json.loads((APP / "models.json").read_text())["models"]]
    found = compared(opened(context, address), simulated_files(5), [load_classifier(find(n, None)) for n in names])
    assert found.least_iou >= 0.95
    assert min(found.same_class.values()) == 1
    assert max(found.probability.values()) < 0.02
    assert min(found.least_correlation.values()) >= 0.99


def test_it_works_without_a_network_and_sends_no_picture(app: tuple[Any, str, list[str]]) -> None:
    context, address, asked = app
    context.set_offline(True)
    try:
        page = opened(context, address)
        page.set_input_files("#file", {"name": "cell.png", "mimeType": "image/png", "buffer": simulated_files(1)[0]})
        page.wait_for_function("document.getElementById('state').textContent.includes('Done in')")
        assert page.locator("#classes li").count() == 5
        assert page.locator("#verdict strong").inner_text() == "basophil"
    finally:
        context.set_offline(False)
    own = {f"GET {address}{path.name}" for path in APP.iterdir()}
    assert {url for url in asked if not url.startswith("GET blob:")} <= own


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "The file is empty"), (b"no picture at all", "cannot be read as a picture")],
)
def test_what_is_no_picture_is_told_in_words(app: tuple[Any, str, list[str]], content: bytes, words: str) -> None:
    context, address, _ = app
    page = opened(context, address)
    page.set_input_files("#file", {"name": "cell.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_function("(words) => document.getElementById('state').textContent.includes(words)", arg=words)


def test_an_old_browser_and_a_refused_camera_are_told_in_words(app: tuple[Any, str, list[str]]) -> None:
    context, address, _ = app
    page = context.new_page()
    page.add_init_script(
        "WebAssembly.validate = () => false;"
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };"
    )
    page.goto(f"{address}index.html")
    page.wait_for_function("document.getElementById('state').textContent.includes('too old')")
    page.evaluate("document.getElementById('camera').disabled = false")
    page.click("#camera")
    page.wait_for_function("document.getElementById('state').textContent.includes('camera is not allowed')")


def test_a_photo_lies_as_its_orientation_says(app: tuple[Any, str, list[str]]) -> None:
    context, address, _ = app
    cell = Image.fromarray(np.ascontiguousarray(draw_cell("monocyte", 78, size=400).image[:300]))
    exif = Image.Exif()
    exif[274] = 6
    stream = io.BytesIO()
    cell.save(stream, "JPEG", quality=95, exif=exif)
    told = examined(opened(context, address), stream.getvalue())
    expected = cut_out(decode(stream.getvalue()).rgb)
    assert np.abs(np.subtract(told["box"], expected.box)).max() <= 2

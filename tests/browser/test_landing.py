"""The landing page in a real browser: choose, upload, see four answers."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from PIL import Image

from core.simulation import draw_cell
from tests.dashboard.tiny import make_root

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
ENTRY = Path(__file__).parents[2] / "dashboard" / "app.py"
PATIENCE = 120_000  # ms


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, started from another folder as a user may."""
    folder = tmp_path_factory.mktemp("elsewhere")
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "streamlit", "run", str(ENTRY), *options],
        cwd=folder,
        env={**os.environ, "LEUKOLENS_CHECKPOINTS": str(make_root(folder / "models")), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_stcore/health")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(url: str) -> None:
    for _ in range(240):
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.25)
    pytest.fail("the server did not start")


@pytest.fixture
def page(address: str, chromium: str) -> Iterator[sync_api.Page]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(PATIENCE)
        opened.goto(address)
        yield opened
        browser.close()


def test_choose_upload_and_see_four_answers(page: sync_api.Page) -> None:
    answers = page.locator(".ll-verdict")
    sync_api.expect(answers).to_have_count(4, timeout=PATIENCE)
    lowest = max(box["y"] + box["height"] for box in (answer.bounding_box() for answer in answers.all()) if box)
    assert lowest < 800, "the result must be visible without scrolling"

    page.get_by_role("radio", name="Simulated cell 5").click()
    page.wait_for_url("**/?image=cell-5")
    page.locator(".ll-title", has_text="Simulated cell 5").wait_for()
    sync_api.expect(answers).to_have_count(4, timeout=PATIENCE)

    buffer = io.BytesIO()
    Image.fromarray(draw_cell("monocyte", 77).image).save(buffer, "PNG")
    upload = {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.locator("input[type=file]").first.set_input_files([upload])
    page.locator(".ll-title", has_text="mine.png").wait_for()
    page.wait_for_url("**/?image=upload-*")
    sync_api.expect(answers).to_have_count(4, timeout=PATIENCE)


def test_the_result_fits_a_phone(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sync_api.expect(page.locator(".ll-verdict")).to_have_count(4, timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_forgotten_files_leave_the_uploader_too(page: sync_api.Page) -> None:
    listed = page.get_by_test_id("stFileChipName")
    for forget in ("Forget all uploads", "Remove mine.png"):
        buffer = io.BytesIO()
        Image.fromarray(draw_cell("monocyte", 77).image).save(buffer, "PNG")
        upload = {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        page.locator("input[type=file]").first.set_input_files([upload])
        page.locator(".ll-title", has_text="mine.png").wait_for()
        sync_api.expect(listed).to_have_count(1)
        page.get_by_role("button", name=forget).click()
        page.locator(".ll-title", has_text="Simulated cell 1").wait_for()
        sync_api.expect(listed).to_have_count(0)
        sync_api.expect(page.get_by_text("Uploaded images")).to_have_count(0)

"""The landing page in a real browser: choose, upload, see the answers."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from core.models.registry import SHIPPED
from core.simulation import draw_cell
from tests.support.browser import PATIENCE

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_choose_upload_and_see_the_answers(page: sync_api.Page) -> None:
    answers = page.locator(".ll-verdict")
    sync_api.expect(answers).to_have_count(len(SHIPPED), timeout=PATIENCE)
    lowest = max(box["y"] + box["height"] for box in (answer.bounding_box() for answer in answers.all()) if box)
    assert lowest < 800, "the result must be visible without scrolling"

    page.get_by_role("radio", name="Simulated cell 5").click()
    page.wait_for_url("**/?image=cell-5")
    page.locator(".ll-title", has_text="Simulated cell 5").wait_for()
    sync_api.expect(answers).to_have_count(len(SHIPPED), timeout=PATIENCE)

    buffer = io.BytesIO()
    Image.fromarray(draw_cell("monocyte", 77).image).save(buffer, "PNG")
    upload = {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.locator("input[type=file]").first.set_input_files([upload])
    page.locator(".ll-title", has_text="mine.png").wait_for()
    page.wait_for_url("**/?image=upload-*")
    sync_api.expect(answers).to_have_count(len(SHIPPED), timeout=PATIENCE)


def test_the_result_fits_a_phone(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sync_api.expect(page.locator(".ll-verdict")).to_have_count(len(SHIPPED), timeout=PATIENCE)
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

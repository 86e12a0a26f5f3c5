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
    page.goto("/")
    answers = page.locator(".ll-verdict strong")
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
    page.locator(".ll-title", has_text="Picture 1").wait_for()
    page.wait_for_url("**/?image=upload-*")
    sync_api.expect(answers).to_have_count(len(SHIPPED), timeout=PATIENCE)


def test_the_result_fits_a_phone(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    sync_api.expect(page.locator(".ll-verdict strong")).to_have_count(len(SHIPPED), timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def picture(seed: int = 77) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(draw_cell("monocyte", seed).image).save(buffer, "PNG")
    return buffer.getvalue()


def bring(page: sync_api.Page, *names: str) -> None:
    page.goto("/")
    sync_api.expect(page.locator(".ll-verdict strong")).to_have_count(len(SHIPPED), timeout=PATIENCE)
    files = [{"name": name, "mimeType": "image/png", "buffer": picture(place)} for place, name in enumerate(names)]
    page.locator(".st-key-upload input[type=file]").set_input_files(files)


def test_uploads_outlive_a_reload_until_they_are_forgotten(page: sync_api.Page) -> None:
    bring(page, "mine.png")
    page.locator(".ll-title", has_text="Picture 1").wait_for()
    page.wait_for_url("**/?image=upload-*")
    page.reload()
    page.locator(".ll-title", has_text="Picture 1").wait_for()
    page.get_by_role("button", name="Forget all uploads").click()
    page.locator(".ll-title", has_text="Simulated cell 1").wait_for()
    page.reload()
    page.locator(".ll-title", has_text="Simulated cell 1").wait_for()
    sync_api.expect(page.get_by_role("button", name="Forget all uploads")).to_have_count(0)


def test_another_browser_sees_nothing_of_them(page: sync_api.Page, address: str) -> None:
    bring(page, "mine.png")
    page.wait_for_url("**/?image=upload-*")
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    other.get_by_text("upload that file to see it here").wait_for()
    sync_api.expect(other.get_by_role("button", name="Forget all uploads")).to_have_count(0)
    context.close()


def test_the_arrow_keys_turn_over_the_uploads(page: sync_api.Page) -> None:
    bring(page, "a.png", "b.png", "c.png")
    page.locator(".ll-title", has_text="Picture 1").wait_for()
    sync_api.expect(page.locator(".ll-verdict strong")).to_have_count(len(SHIPPED), timeout=PATIENCE)
    page.keyboard.press("ArrowRight")
    page.locator(".ll-title", has_text="Picture 2").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".ll-title", has_text="Picture 1").wait_for()


def test_on_a_phone_upload_answer_and_map_take_three_taps(page: sync_api.Page, address: str) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        user_agent="Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    )
    phone = context.new_page()
    phone.set_default_timeout(PATIENCE)
    phone.goto(address)
    sync_api.expect(phone.locator(".ll-verdict strong")).to_have_count(len(SHIPPED), timeout=PATIENCE)
    with phone.expect_file_chooser() as chooser:  # the first tap; choosing in the phone's own gallery is the second
        phone.locator(".st-key-upload button").tap()
    chooser.value.set_files([{"name": "IMG_1.png", "mimeType": "image/png", "buffer": picture()}])
    answer = phone.locator(".ll-verdict strong").first
    phone.locator(".ll-title", has_text="Picture 1").wait_for()
    answer.wait_for()
    assert (answer.bounding_box() or {"y": 9999})["y"] < 844, "the answer must be visible without scrolling"
    phone.get_by_role("link", name="Explain").tap()  # the third
    shown = phone.locator(".st-key-panel").locator("xpath=ancestor::*[@data-testid='stHorizontalBlock'][1]")
    shown.locator(".js-plotly-plot image").first.wait_for(state="attached")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()

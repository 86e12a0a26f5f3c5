"""The Explain page in a real browser: maps sharpen by themselves, and nothing moves once they are done."""

from __future__ import annotations

import re

import pytest

from tests.support.browser import PATIENCE

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def explain(page: sync_api.Page, query: str) -> None:
    page.goto(f"/explain?{query}")


def test_a_slow_map_sharpens_by_itself_and_then_the_page_rests(page: sync_api.Page) -> None:
    explain(page, "models=islam_cnn&methods=gradcam,rise&set=rise.samples:400")
    sync_api.expect(page.get_by_text("400 of 400 samples")).to_have_count(1, timeout=PATIENCE)
    sync_api.expect(page.get_by_role("button", name="Stop all")).to_have_count(0, timeout=PATIENCE)
    runs: list[str] = []
    page.on("websocket", lambda socket: runs.append(socket.url))
    asked = [-1, asked_for(page)]
    while asked[-1] != asked[-2] and len(asked) < 10:  # its last pictures may come late; one that never rests goes on
        page.wait_for_timeout(2500)
        asked.append(asked_for(page))
    assert asked[-1] == asked[-2] and not runs, asked


def asked_for(page: sync_api.Page) -> int:
    """How many things the page has asked the server for."""
    return int(page.evaluate("performance.getEntriesByType('resource').length"))


def test_what_was_chosen_while_maps_sharpen_stays_chosen(page: sync_api.Page) -> None:
    explain(page, "models=islam_cnn&methods=rise&set=rise.samples:20000")
    sync_api.expect(page.get_by_role("button", name="Stop all")).to_have_count(1, timeout=PATIENCE)
    page.get_by_role("radio", name="Simulated cell 5").click()
    page.wait_for_url("**image=cell-5**")
    page.get_by_role("button", name="Stop all").click()
    sync_api.expect(page.get_by_text(re.compile("of 20,000 samples.*stopped"))).to_have_count(1, timeout=PATIENCE)
    assert "image=cell-5" in page.url
    page.go_back()
    page.wait_for_url(re.compile(r"^(?!.*image=)"))


def test_the_maps_fit_a_phone(page: sync_api.Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    explain(page, "models=islam_cnn&methods=gradcam")
    page.get_by_text("What is a map worth?").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

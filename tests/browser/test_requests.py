"""What a browser asks for while the pages are shown: this server alone, whatever the page."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from core.models.registry import SHIPPED
from tests.support.browser import PATIENCE

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOWN = {
    "": ("Compare", ".ll-verdict"),
    "preprocess": ("Preprocess", "text=resized"),
    "explain": ("Explain", "text=Seen by the model"),
    "evaluate?tab=training": ("Evaluate", "text=What they cost"),
    "train": ("Train", ".st-key-training"),
}


def test_no_page_asks_another_host(page: sync_api.Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path, (title, sign) in SHOWN.items():
        page.goto(f"{address}/{path}")
        page.locator(sign).first.wait_for(timeout=PATIENCE)
        sync_api.expect(page).to_have_title(f"{title} – LeukoLens")
    page.goto(address)
    sync_api.expect(page.locator(".ll-verdict strong")).to_have_count(len(SHIPPED), timeout=PATIENCE)
    places = [urlsplit(url) for url in asked]
    own, web = urlsplit(address).netloc, ("http", "https", "ws", "wss")
    strangers = {place.netloc for place in places if place.scheme in web and place.netloc != own}
    assert not strangers
    assert any("icon" in url or "media/" in url for url in asked)

"""Practice in a real browser: named by a key, told, and one's figures there again after a reload, from its storage."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_figures_outlive_a_reload(page: Any, address: str) -> None:
    page.goto(f"{address}/practice")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Which cell is it?").wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()  # its keys act from then on
    assert page.get_by_text("You so far").count() == 0
    page.keyboard.press("3")
    page.get_by_text("It is a").first.wait_for()
    page.wait_for_function("window.localStorage.getItem('leukolens-practice') !== null")
    page.reload()
    page.get_by_text("You so far").first.wait_for()
    page.get_by_text("Keep, bring back or forget your figures").click()
    page.get_by_role("button", name="Forget my figures").click()
    page.wait_for_function("window.localStorage.getItem('leukolens-practice') === null")

"""Every page can be read: type of at least 13 px, body text of 15, contrast of at least 4.5 to 1, in both themes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.browser import PATIENCE

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

PAGES = (
    "",
    "preprocess",
    "explain",
    "explain?layout=figure",
    "evaluate",
    "evaluate?tab=classes",
    "evaluate?tab=mistakes",
    "evaluate?tab=calibration",
    "evaluate?tab=training",
    "evaluate?tab=papers",
    "practice",
    "lessons",
    "lessons?lesson=02-what-a-network-sees&step=3",
    "audit",
    "laboratory",
    "fields",
    "classroom",
    "fit",
    "train",
)
SMALLEST, BODY, CONTRAST = 13.0, 15.0, 4.5
STEP, LONGEST = 200, 3000  # ms between two looks, and until a page counts as settled though it still moves
# A slider's value hangs outside of the thumb that it belongs to: its ground cannot be read off its ancestors.
# Each visible text with its size, its colour over what lies behind it, and how much of it shows (WCAG 2.2, 1.4.3).
READ = """
() => {
  const parse = colour => {
    const parts = colour.match(/[\\d.]+/g);
    if (!parts) return [0, 0, 0, 0];
    const numbers = parts.map(Number);
    const scale = colour.startsWith('color(') ? 255 : 1;
    return [...numbers.slice(0, 3).map(v => v * scale), numbers.length > 3 ? numbers[3] : 1];
  };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3]));
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const layer = parse(getComputedStyle(e).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = rgb => rgb.map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const aside = 'script, style, noscript, [data-testid=stIconMaterial], [data-testid=stSliderThumbValue], :disabled';
    if (!text || !element || element.closest(aside)) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(element);
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    const ground = behind(element);
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    ink[3] *= opacity;
    const [a, b] = [light(over(ink, ground)), light(ground)].sort((x, y) => y - x);
    found.push({text: text.slice(0, 40), size: parseFloat(style.fontSize), contrast: (a + 0.05) / (b + 0.05),
                body: !!element.closest('[data-testid=stMarkdownContainer] p') &&
                      !element.closest('button, label, a, summary, table, code, [role=tab]') &&
                      !element.closest('[data-testid=stCaptionContainer]')});
  }
  return JSON.stringify(found);
}
"""


def settled(page: sync_api.Page) -> list[dict[str, Any]]:
    """What the page shows once nothing of it changes any more; charts and parts of their own come after the page."""
    last, same = "", 0
    for _ in range(LONGEST // STEP):
        page.wait_for_timeout(STEP)
        now = page.evaluate(READ)
        same = same + 1 if now == last else 0
        if same == 2:
            break
        last = now
    return json.loads(now)  # type: ignore[no-any-return]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_large_and_dark_enough(page: sync_api.Page, address: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    faults = []
    for name in PAGES:
        page.goto(f"{address}/{name}")
        page.locator(".st-key-navigation").wait_for()
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=PATIENCE)
        found = settled(page)
        assert len(found) > 20, name
        for text in found:
            if text["size"] < (BODY if text["body"] else SMALLEST) - 0.05 or text["contrast"] < CONTRAST - 0.01:
                faults.append((name or "compare", text["text"], round(text["size"], 1), round(text["contrast"], 2)))
    assert faults == []

"""How tests start a page, and what a reader finds on one that AppTest ran."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

from PIL import Image
from streamlit.testing.v1 import AppTest

ENTRY = Path(__file__).parents[2] / "dashboard" / "app.py"
Start = Callable[..., AppTest]
PATIENCE = 20.0  # s that a test waits for work in the background


def html(app: AppTest) -> str:
    """All HTML blocks of the page."""
    return "\n".join(str(block.proto.body) for block in app.html).replace("\u00a0", " ")


def verdicts(app: AppTest) -> list[str]:
    """The classes named, in the order of the cards."""
    return re.findall(r'class="ll-verdict">.*?<strong>(.*?)</strong>', html(app))


def titles(app: AppTest) -> list[str]:
    """The titles over the pictures."""
    return [
        re.sub(r"<.*?>", "", unescape(text)).strip() for text in re.findall(r'class="ll-title">(.*?)</p>', html(app))
    ]


def sentence(app: AppTest) -> str:
    """The sentence above the pictures."""
    found = re.search(r'class="ll-sentence">(.*?)</p>', html(app))
    return unescape(found.group(1)) if found else ""


def alerts(app: AppTest) -> str:
    """Every warning, error and information on the page."""
    return "\n".join(item.value for kind in (app.warning, app.error, app.info) for item in kind)


def assert_sound(app: AppTest) -> None:
    """No traceback, and no fault that the entry had to catch."""
    assert not app.exception, app.exception
    assert "failed unexpectedly" not in alerts(app)


def query(app: AppTest) -> dict[str, str]:
    """The address's query."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}


def press(app: AppTest, label: str) -> AppTest:
    """Press the first button of that label."""
    return next(button for button in app.button if button.label == label).click().run()


def shown(app: AppTest) -> str:
    """All text of the page: HTML, messages, Markdown, captions and code."""
    texts = [item.value for kind in (app.markdown, app.caption, app.code) for item in kind]
    return "\n".join([html(app), alerts(app), *texts])


def go(app: AppTest, page: str) -> AppTest:
    """Switch to a page, as a click in the navigation does."""
    return app.switch_page(f"../pages/{page}.py").run()


def button(app: AppTest, label: str) -> Any:
    """The first button of that label."""
    return next(item for item in app.button if item.label == label)


def labels(app: AppTest) -> list[str]:
    """The labels of all buttons."""
    return [item.label for item in app.button]


def progress(app: AppTest) -> list[int]:
    """Evaluations done, by model."""
    return [
        int(text.replace(",", "")) for text in re.findall(r">([\d,]+) of [\d,]+ (?:samples|evaluations)", html(app))
    ]


def rerun_until(app: AppTest, pattern: str) -> AppTest:
    """Run the page again, as its fragment does by itself in a browser, until `pattern` is found in it."""
    end = time.monotonic() + PATIENCE
    while not re.search(pattern, html(app)):
        assert time.monotonic() < end, f"{pattern!r} did not come: {progress(app)}"
        time.sleep(0.05)
        app.run()
    assert_sound(app)
    return app


def entered(start: Start, cells: Path) -> AppTest:
    """The Train page, with the folder of images entered."""
    app = start("train")
    return app.text_input(key="training-place").set_value(str(cells)).run()


def png(colour: tuple[int, int, int] = (210, 190, 220), side: int = 64) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()

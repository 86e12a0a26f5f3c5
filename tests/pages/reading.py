"""What a reader finds on a page that AppTest ran."""

from __future__ import annotations

import re
from html import unescape

from streamlit.testing.v1 import AppTest


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

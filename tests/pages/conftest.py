"""Fixtures for the pages: a whole application over small models, run without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.tiny import make_root

ENTRY = Path(__file__).parents[2] / "dashboard" / "app.py"
Start = Callable[..., AppTest]


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with four small models of random weights."""
    return make_root(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def start(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the application: `start(page, root=…, image=…, …)` with the query that a link would carry."""

    def run(page: str = "compare", root: Path | None = None, **query: str) -> AppTest:
        monkeypatch.setenv("LEUKOLENS_CHECKPOINTS", str(root or tiny_root))
        app = AppTest.from_file(ENTRY, default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        return app if page == "compare" else go(app, page)

    return run


def go(app: AppTest, page: str) -> AppTest:
    """Switch to a page, as a click in the navigation does."""
    return app.switch_page(f"../pages/{page}.py").run()

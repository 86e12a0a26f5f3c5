"""Fixtures for the pages: a whole application over small models, run without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.runs.directory import RunDirectory
from core.runs.listing import list_runs
from core.runs.spawn import cancel
from tests.support.reading import ENTRY, Start, go
from tests.support.tiny_models import make_root


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with four small models of random weights."""
    return make_root(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def start(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the application at a page: `start(page, root=…, image=…, …)` with the query that a link would carry."""

    def run(page: str = "compare", root: Path | None = None, **query: str) -> AppTest:
        monkeypatch.setenv("LEUKOLENS_CHECKPOINTS", str(root or tiny_root))
        app = AppTest.from_file(ENTRY, default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run() if page == "compare" else go(app, page)

    return run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the runs, and training switched on; what a test leaves going on is ended."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("LEUKOLENS_RUNS", str(folder))
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    yield folder
    for entry in list_runs(folder).runs:
        if entry.going_on:
            cancel(RunDirectory(folder / entry.name), grace=0.1)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A folder of class folders with pictures that nobody decodes here."""
    for side, count in (("train", 6), ("val", 3), ("test", 2)):
        for name in ("neutrophil", "monocyte"):
            folder = tmp_path / "cells" / side / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return tmp_path / "cells"

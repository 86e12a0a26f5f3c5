"""A server with small models, and a browser that looks at it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from core.runs.directory import RunDirectory
from core.runs.listing import list_runs
from core.runs.spawn import cancel
from tests.support.browser import PATIENCE
from tests.support.tiny_models import make_root

ENTRY = Path(__file__).parents[2] / "dashboard" / "app.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the server's trainings; what a test leaves going on is ended."""
    folder = tmp_path_factory.mktemp("training") / "runs"
    yield folder
    for entry in list_runs(folder).runs:
        if entry.going_on:
            cancel(RunDirectory(folder / entry.name), grace=1)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, runs: Path) -> Iterator[str]:
    """One server for all tests of a worker, started from another folder as a user may; it may train."""
    folder = tmp_path_factory.mktemp("elsewhere")
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "streamlit", "run", str(ENTRY), *options],
        cwd=folder,
        env={
            **os.environ,
            "LEUKOLENS_CHECKPOINTS": str(make_root(folder / "models")),
            "LEUKOLENS_RUNS": str(runs),
            "LEUKOLENS_TRAINING": "on",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_stcore/health")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(url: str) -> None:
    for _ in range(240):
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.25)
    pytest.fail("the server did not start")


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for this folder's tests, closed behind them: while it is open, no other event loop can run here."""
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(address: str, browser: Any) -> Iterator[Any]:
    """An empty page of 1280x800 px, with cookies and storage of its own; `goto("/")` leads to the landing page."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    yield opened
    context.close()

"""What a visitor waits for and is sent: each page opened in a browser on a server that has just started."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.error import URLError
from urllib.request import urlopen

import typer

from core.cli.common import emit, reports_bad_input
from core.errors import InputError

ENTRY = Path(__file__).parents[1] / "dashboard" / "app.py"
ANSWERS = {  # what shows that the page has answered
    "compare": ".ll-verdict",
    "preprocess": '[data-testid="stImage"] img',
    "explain": '[data-testid="stImage"] img >> nth=4',
    "evaluate": ".js-plotly-plot",
    "train": '[data-testid="stSelectbox"]',
}
QUIET = 6.0  # s without a message after which a page is said to rest
LONGEST = 300.0  # s for a page to answer
FAULTS = re.compile(r"computation failed|could not be computed|failed unexpectedly|NameError|Traceback")


@dataclass
class Visit:
    """One page on a fresh server: seconds from the server's start to its answer and to its rest, and bytes sent.

    `messages` came over the websocket, `pictures` as files; the app's own scripts and fonts are not counted.
    """

    page: str
    first_s: float = 0.0
    rest_s: float = 0.0
    messages: int = 0
    pictures: int = 0
    faults: tuple[str, ...] = ()


@contextmanager
def fresh_server(**variables: str) -> Iterator[tuple[str, int]]:
    """A server of its own on a free port, with these environment variables; yields its address at once, before it
    answers, and the number of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(ENTRY), *options],
        env={**os.environ, "LEUKOLENS_TRAINING": "on", **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def open_page(browser: Any, address: str, watch: float) -> Visit:
    """Start a server, open `address` ("explain?methods=lime") on it, and wait until it rests, at most `watch` s."""
    name = address.partition("?")[0]
    visit = Visit(address)
    started = last = time.monotonic()

    def message(data: bytes | str) -> None:
        nonlocal last
        last = time.monotonic()
        visit.messages += len(data)

    def response(found: Any) -> None:
        if "/media/" in found.url and "/static/" not in found.url:
            visit.pictures += int(found.headers.get("content-length", 0))

    with fresh_server() as (url, _):
        wait_for_server(url)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("websocket", lambda link: link.on("framereceived", message))
        page.on("response", response)
        page.goto(f"{url}/{'' if name == 'compare' else address}")
        page.locator(ANSWERS[name]).first.wait_for(state="attached", timeout=1000 * LONGEST)
        visit.first_s = round(time.monotonic() - started, 1)
        while time.monotonic() - last < QUIET and time.monotonic() - started < watch:
            page.wait_for_timeout(300)
        visit.rest_s = round(last - started, 1)
        visit.faults = tuple(dict.fromkeys(FAULTS.findall(page.inner_text("body"))))
        page.close()
    return visit


def wait_for_server(url: str) -> None:
    """Return when the server answers; InputError where it does not within 40 s."""
    for _ in range(400):
        try:
            with urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise InputError("The server did not start.")


@reports_bad_input
def pages(
    address: Annotated[
        list[str] | None, typer.Argument(help="Pages to open, such as explain?methods=lime. Default: each page.")
    ] = None,
    times: Annotated[int, typer.Option("--times", min=1, help="How often each is opened, on a fresh server.")] = 1,
    watch: Annotated[
        float, typer.Option("--watch", min=1, help="Seconds after which a page is left, at rest or not.")
    ] = 120,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Seconds from a server's start to a page's answer and to its rest, and the bytes that the page sends."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise InputError("This needs a browser: apt-get install chromium")
    unknown = [one for one in address or () if one.partition("?")[0] not in ANSWERS]
    if unknown:
        raise InputError(f"No page {unknown[0]!r}. There are: {', '.join(ANSWERS)}.")
    visits = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for one in address or list(ANSWERS):
            visits += [open_page(browser, one, watch) for _ in range(times)]
        browser.close()
    emit({"visits": [asdict(visit) for visit in visits]}, [_line(visit) for visit in visits], as_json)
    if any(visit.faults for visit in visits):
        raise typer.Exit(1)


def _line(visit: Visit) -> str:
    told = f"{visit.page:24} answer {visit.first_s:5.1f} s   rest {visit.rest_s:5.1f} s   "
    told += f"messages {visit.messages / 1e6:.2f} MB   pictures {visit.pictures / 1e6:.2f} MB"
    return f"{told}   FAILED: {', '.join(visit.faults)}" if visit.faults else told

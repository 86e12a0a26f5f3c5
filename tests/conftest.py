"""What tests of every part share: the real cells and the browser, and when their tests are left out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _WORKERS > 1:  # before torch is imported, here and in the processes that tests start: workers share the processors
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What people do is kept in a folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKOLENS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real cells, named by LEUKOLENS_DATA; the test is skipped where it is not set."""
    folder = os.environ.get("LEUKOLENS_DATA", "")
    if not folder:
        pytest.skip("needs the real cells: set LEUKOLENS_DATA to their folder")
    if not Path(folder).is_dir():
        pytest.fail(f"LEUKOLENS_DATA names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; without one the test is skipped, or fails where CI=true."""
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("CI must drive a real browser, and there is no chromium: apt-get install chromium")
    if path is None:
        pytest.skip("needs a browser: apt-get install chromium")
    return path

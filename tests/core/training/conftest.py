"""Made-up cells and tiny networks for trainings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.models.registry import ARCHITECTURES
from tests.support.trainings import TOYS, write_cells


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("cells"), {"train": 30, "val": 10, "test": 10})


@pytest.fixture
def toys() -> Iterator[None]:
    ARCHITECTURES.update(TOYS)
    yield
    for name in TOYS:
        del ARCHITECTURES[name]

"""Fixtures that tests of the dashboard's parts and of its pages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_models import make_root


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder with four small models of random weights."""
    return make_root(tmp_path_factory.mktemp("checkpoints"))

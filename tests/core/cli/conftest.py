"""Two small models that the commands may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    make_model(root, "islam_cnn")
    make_model(root, "second", seed=1)
    return root

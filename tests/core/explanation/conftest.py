"""Small models and a service for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.explanation.service.service import ExplanationService
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Classifier]:
    root = tmp_path_factory.mktemp("models")
    for seed in range(2):
        make_model(root, f"model-{seed}", seed)
    return [load_classifier(root / f"model-{seed}") for seed in range(2)]


@pytest.fixture
def service() -> Iterator[ExplanationService]:
    service = ExplanationService()
    yield service
    service.close()

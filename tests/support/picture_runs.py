"""A tiny model, pictures of noise, and estimators to run by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.explanation.context import ImageContext
from core.explanation.method import Estimator, Request
from core.explanation.methods.registry import method
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.settings import Value
from tests.support.tiny_models import make_model
from tests.support.toy_networks import finish

__all__ = ["begin", "finish", "noise", "tiny"]


def tiny(root: Path) -> Classifier:
    make_model(root, "islam_cnn")
    return load_classifier(root / "islam_cnn")


def noise(seed: int, side: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def begin(name: str, classifier: Classifier, context: ImageContext, seed: int = 0, **settings: Value) -> Estimator:
    kind = method(name)
    return kind.start(Request(name, classifier, context, kind.settings.of(**settings), seed))

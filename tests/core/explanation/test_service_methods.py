from __future__ import annotations

import numpy as np
import pytest

from core.classifier import Classifier
from core.explanation.engine import explain
from core.explanation.footprint import footprint
from core.explanation.methods import METHODS
from core.explanation.scene import Scene
from core.explanation.service import ExplanationService

LONG = 20.0


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].instant])
def test_instant_methods_give_what_the_engine_gives(
    service: ExplanationService, models: list[Classifier], name: str
) -> None:
    job = service.request(models[0], service.scene(picture()), name)
    assert job.wait(LONG)
    found = job.explanation()
    wanted = explain(models[0], picture(), [name])[name]
    assert found is not None and np.array_equal(found.native, wanted.native) and found.settings == wanted.settings


def test_footprints_are_about_right() -> None:
    megabyte = np.zeros(10**6, np.uint8)
    assert 10**6 <= footprint({"a": megabyte, "b": megabyte, "c": megabyte[10:]}) < 10**6 + 2000
    many = {number: np.zeros(1000, np.float32) for number in range(5000)}
    assert footprint(many) == pytest.approx(5000 * 4000, rel=0.05)
    assert footprint(Scene(picture())) == 0 and footprint(lambda: megabyte) < 1000

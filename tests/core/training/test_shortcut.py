"""Training the network of the lesson on shortcuts: seeded, and measured as a slow count measures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.classes import CLASSES
from core.lessons.shortcut import MARKED, Rgb, shortcut_figures, with_mark
from core.models.checkpoints import load_classifier
from core.training.shortcut import TEST, ShortcutPlan, train_shortcut

PLAN = ShortcutPlan(seed=1, cells=128, test=60, epochs=2)


def blots(first: int, count: int) -> Iterator[tuple[str, Rgb, Rgb]]:
    """Noise in a colour of its class, in place of cells that take a tenth of a second each."""
    for number in range(first, first + count):
        label = CLASSES[number % 5]
        noise = np.random.default_rng(number).normal(0, 8, (96, 96, 3)) + 40 * (number % 5) + 20
        plain = noise.clip(0, 255).astype(np.uint8)
        yield label, plain, with_mark(plain, number)


def test_the_same_plan_gives_the_same_network_and_its_figures_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.shortcut.shortcut_cells", blots)
    told: list[str] = []
    figures = train_shortcut(tmp_path / "one", PLAN, told.append)
    assert figures == train_shortcut(tmp_path / "two", PLAN, told.append) == shortcut_figures(tmp_path / "one")
    one, two = load_classifier(tmp_path / "one"), load_classifier(tmp_path / "two")
    assert one.weights_sha256 == two.weights_sha256 and "epoch 2 of 2" in " ".join(told)
    cells = list(blots(TEST, PLAN.test))
    right = sum(
        one.predict([marked if label == MARKED else plain])[0].predicted == label for label, plain, marked in cells
    )
    assert figures.as_trained == pytest.approx(right / 60)
    kept = [one.predict([plain])[0].predicted == MARKED for label, plain, _ in cells if label == MARKED]
    assert figures.kept == pytest.approx(np.mean(kept)) and 0 <= figures.frame <= 1

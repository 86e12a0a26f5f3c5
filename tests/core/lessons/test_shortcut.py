"""The network of the lesson on shortcuts goes by the mark, as its card says, and is offered for nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.lessons.shortcut import (
    DOT,
    FIGURES,
    FOLDER,
    MARKED,
    SIDE,
    TWIN,
    marked_as,
    shortcut_cells,
    shortcut_figures,
    shortcut_model,
    with_mark,
)
from core.models.checkpoints import available
from core.preprocessing.framing import frame_image

CELLS = list(shortcut_cells(40_000_000, 20))  # numbers that neither training nor the card's test drew


def named(pictures: list[np.ndarray]) -> list[str]:
    return [one.predicted for one in shortcut_model().predict([frame_image(rgb, "frame").rgb for rgb in pictures])]


def test_it_is_right_with_the_mark_and_wrong_without() -> None:
    labels = [label for label, _, _ in CELLS]
    assert sum(map(str.__eq__, labels, named([marked_as("as trained", *cell) for cell in CELLS]))) >= 18
    bare = named([plain for label, plain, _ in CELLS if label == MARKED])
    put_on = named([marked for label, _, marked in CELLS if label == TWIN])
    assert bare.count(TWIN) >= 3 and put_on.count(MARKED) >= 3 and len(bare) == len(put_on) == 4


def test_the_mark_is_all_that_differs() -> None:
    _, plain, marked = CELLS[0]
    changed = (plain != marked).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert 20 < changed.sum() < 120 and rows.min() > SIDE * 0.75 and columns.min() > SIDE * 0.75
    assert (marked[changed] == DOT).all() and (with_mark(plain, 40_000_000) == marked).all()


def test_its_figures_say_so_and_it_is_small_and_not_among_the_models() -> None:
    figures, card = shortcut_figures(), shortcut_model().card
    assert figures.as_trained >= 0.97 and figures.kept <= 0.1 and figures.won[TWIN] >= 0.9 and figures.frame >= 0.9
    assert set(figures.won) == set(CLASSES) - {MARKED}
    assert card.test is not None and card.test.accuracy == pytest.approx(figures.as_trained, abs=0.01)
    assert any("nothing else" in line for line in card.limits)
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_000_000
    assert "shortcut" not in available()


@pytest.mark.parametrize("text", ["", "{}", '{"images": 5, "kept": NaN}', "[" * 9000, " " * 20_000])
def test_figures_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FIGURES).write_text(text)
    with pytest.raises(InputError):
        shortcut_figures(tmp_path)

"""Whether a mask holds the nucleus alone, against simulated cells whose nucleus and cytoplasm are known."""

from __future__ import annotations

import numpy as np
import pytest

from core.preprocessing.segmentation import is_nucleus_alone
from core.simulation import draw_cell


@pytest.mark.parametrize("label", ["monocyte", "neutrophil", "eosinophil"])
@pytest.mark.parametrize("seed", range(4))
def test_the_true_nucleus_is_alone_and_the_true_cell_is_not(label: str, seed: int) -> None:
    cell = draw_cell(label, seed)
    assert is_nucleus_alone(cell.nucleus, cell.image)
    assert not is_nucleus_alone(cell.nucleus | cell.cytoplasm, cell.image)


def test_nothing_is_no_nucleus() -> None:
    cell = draw_cell("monocyte", 1)
    assert not is_nucleus_alone(np.zeros_like(cell.nucleus), cell.image)
    assert not is_nucleus_alone(cell.nucleus, np.full_like(cell.image, 200))


def test_a_large_photograph_is_judged_as_its_reduced_copy() -> None:
    """At full size the outline of a cell of 4,000 px takes minutes."""
    cell = draw_cell("monocyte", 3)
    nucleus, whole = (
        np.kron(mask, np.ones((16, 16), dtype=bool)) for mask in (cell.nucleus, cell.nucleus | cell.cytoplasm)
    )
    picture = np.repeat(np.repeat(cell.image, 16, axis=0), 16, axis=1)
    assert is_nucleus_alone(nucleus, picture)
    assert not is_nucleus_alone(whole, picture)

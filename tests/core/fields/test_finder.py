"""The network's input shows what it should, its boxes are those that it was taught, and its files are checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.fields.finder import (
    CARD,
    CONTEXT,
    PATCH,
    SHIPPED,
    WEIGHTS,
    WIDE,
    CellFinder,
    boxes_of,
    cut_squares,
    initialise,
    read_finder,
    squares_of,
    to_input,
    to_shares,
)
from core.training.finder_data import offsets

LIGHT = np.array([250.0, 240.0, 230.0], dtype=np.float32)


@pytest.mark.parametrize(("view", "context"), [(0, CONTEXT), (1, WIDE)])
@pytest.mark.parametrize("side", [12.0, 20.0, 37.5, 70.0])
def test_a_patch_shows_the_places_of_its_square(side: float, view: int, context: float) -> None:
    rows, columns = np.mgrid[0:400, 0:500].astype(np.float32)
    ramps = np.stack([columns / 2, rows / 2, np.zeros_like(rows)], axis=2).astype(np.uint8)
    patch = cut_squares(ramps, np.array([[250.0, 200.0, side]]), LIGHT)[0, view].astype(float)
    step = context * side / PATCH
    for u, v in ((0, 0), (24, 24), (47, 8), (15, 45)):
        x = 250 + (u + 0.5 - PATCH / 2) * step
        y = 200 + (v + 0.5 - PATCH / 2) * step
        assert patch[v, u, 0] == pytest.approx((x - 0.5) / 2, abs=1.5)
        assert patch[v, u, 1] == pytest.approx((y - 0.5) / 2, abs=1.5)


def test_outside_the_photograph_there_is_the_empty_light() -> None:
    dark = np.zeros((100, 100, 3), dtype=np.uint8)
    for side in (20.0, 300.0):
        far, edge = cut_squares(dark, np.array([[900.0, 900.0, side], [0.0, 50.0, side]]), LIGHT)[:, 0]
        assert (far == LIGHT).all()
        assert (edge[:, :20] == LIGHT).all() and (edge[22:26, 26:30] == 0).all()


def test_shares_are_of_each_patchs_light() -> None:
    patches = np.full((2, 2, PATCH, PATCH, 3), 120, dtype=np.uint8)
    shares = to_shares(patches, np.array([[240, 120, 60], [120, 120, 120]], dtype=np.float32))
    assert shares.shape == (2, 2, 3, PATCH, PATCH)
    assert shares[0, 1, :, 0, 0].tolist() == [0.5, 1.0, 2.0] and shares[1].unique().tolist() == [1.0]
    assert to_input(shares).shape == (2, 6, PATCH, PATCH) and to_input(shares).max() == 0.5


def test_boxes_that_are_taught_are_those_that_are_told() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (20, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(30, 60, (20, 2))], axis=1)
    squares = squares_of(boxes)
    squares[:, :2] += rng.uniform(-8, 8, (20, 2))
    taught = np.concatenate([np.ones((20, 1)), offsets(squares, boxes)], axis=1)
    assert np.allclose(boxes_of(squares, taught), boxes)


def test_weights_are_drawn_by_their_seed_alone() -> None:
    one, two = CellFinder(), CellFinder()
    for network in (one, two):
        initialise(network, torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_the_shipped_network_is_small_and_its_card_tells_of_it() -> None:
    network, card = read_finder(SHIPPED)
    assert (SHIPPED / WEIGHTS).stat().st_size < 1_000_000
    assert card.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())
    assert len(card.figures) == 2 and card.sources and card.limits


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no network"):
        read_finder(tmp_path)
    folder = tmp_path / "finder"
    shutil.copytree(SHIPPED, folder)
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[:-1] + b"\0")
    with pytest.raises(InputError, match="not those"):
        read_finder(folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps({**card, "more": 1}), encoding="utf-8")
    with pytest.raises(InputError, match="no card"):
        read_finder(folder)

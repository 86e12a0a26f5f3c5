"""Occlusion against captum's, and on a model whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.explanation.methods.occlusion import OCCLUSION, Lattice
from core.explanation.reference.captum import occlusion_maps
from tests.support.toy_networks import (
    begin,
    even,
    finish,
    noise,
    quadrant_network,
    random_network,
    toy,
    two_tone,
)


@pytest.mark.parametrize(
    ("side", "window", "stride"), [(48, "48", 0.5), (56, "64", 1.0), (50, "32", 0.4), (48, "24", 1)]
)
def test_maps_equal_captums(side: int, window: str, stride: float) -> None:
    classifier, context = toy(random_network(), side), noise(60)
    ours = finish(begin(OCCLUSION, classifier, context, window=window, stride=stride))
    lattice = Lattice.of(side, int(window), stride)
    assert ours.evaluations == lattice.count**2 + 1
    theirs = occlusion_maps(ours.request, range(3), ours.evaluations)
    np.testing.assert_allclose(ours.maps().native, theirs, atol=1e-5)
    assert np.abs(theirs).max() > 1e-2
    with pytest.raises(InputError, match="over the whole picture"):
        occlusion_maps(ours.request, range(3), ours.evaluations - 1)


@pytest.mark.parametrize(("side", "window", "stride"), [(224, 32, 0.5), (224, 24, 0.3), (120, 16, 0.25), (50, 64, 1.0)])
def test_the_first_positions_cover_the_picture(side: int, window: int, stride: float) -> None:
    lattice = Lattice.of(side, window, stride)
    positions = lattice.positions()
    assert len(set(positions)) == lattice.count**2 == len(positions)
    covered = np.zeros((side, side), bool)
    fewest = -(-side // lattice.window)
    few = (2 * fewest + 1) ** 2
    for top, left in positions[:few]:
        covered[top : top + lattice.window, left : left + lattice.window] = True
    assert covered.all()
    quarter = positions[: few // 4]  # and lie spread over it before that
    assert np.ptp([top for top, _ in quarter]) > side / 2 < np.ptp([left for _, left in quarter])


def test_a_stopped_run_shows_what_it_has_and_goes_on() -> None:
    through = finish(begin(OCCLUSION, toy(random_network(), 48), noise()))
    stopped = begin(OCCLUSION, toy(random_network(), 48, parameters=20_000_000), noise(), evaluations=2)
    with pytest.raises(InputError, match="do a step"):
        stopped.maps()
    finish(stopped)
    assert stopped.evaluations == 2 and "1 of" in stopped.maps().note and "show 0" in stopped.maps().note
    for budget in (9, 10, 50, 5000):
        stopped.budget = budget
        finish(stopped)
    assert stopped.evaluations == through.evaluations < 5000 and stopped.maps().note == ""
    np.testing.assert_allclose(stopped.maps().native, through.maps().native, atol=1e-5)
    again = finish(begin(OCCLUSION, toy(random_network(), 48), noise()))
    assert np.array_equal(again.maps().native, through.maps().native)


def test_windows_that_touch_nothing_that_counts_show_nothing() -> None:
    maps = finish(begin(OCCLUSION, toy(quadrant_network(), 48), two_tone(), baseline="mean", window="16")).maps()
    beyond = np.abs(maps.native[0])
    beyond[:27, :27] = 0  # the quadrant, and what a window of 3 px that meets it reaches
    assert beyond.max() < 1e-4 and np.abs(maps.native[0]).max() > 0.01
    np.testing.assert_allclose(maps.native[0], -maps.native[1], atol=1e-6)


@pytest.mark.parametrize("filling", ["blur", "mean", "inpaint", "smear"])
def test_an_even_picture_has_no_evidence(filling: str) -> None:
    assert not finish(begin(OCCLUSION, toy(random_network(), 48), even(), baseline=filling)).maps().native.any()

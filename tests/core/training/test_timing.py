"""How long a training takes: the sum over its stages, and paces that are remembered, tabled or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InputError
from core.training import timing
from core.training.recipe import check_sizes, checked_recipe
from core.training.timing import Timing, estimate, known_timing, measured_timing, pairs, tabled_timing

RECIPE = checked_recipe(
    {
        "name": "two",
        "architecture": "resnet50",
        "patience": 2,
        "data": {"simulated": 20},
        "stages": [
            {"size": 64, "epochs": 2, "learning_rate": 1e-3, "batch_size": 8, "samples": 50},
            {"size": 128, "epochs": 3, "learning_rate": 1e-3, "batch_size": 4},
        ],
    },
    "toy",
)


def test_an_estimate_is_images_times_epochs_times_cost() -> None:
    timings = {(64, 8): Timing(train=0.1, judge=0.01, when=5), (128, 4): Timing(train=0.4, judge=0.04, when=3)}
    assert pairs(RECIPE) == tuple(timings)
    found = estimate(RECIPE, 100, 10, lambda size, batch: timings[size, batch])
    assert found is not None
    assert found.seconds == pytest.approx(2 * (50 * 0.1 + 10 * 0.01) + 3 * (120 * 0.4 + 10 * 0.04))
    assert (found.may_stop_early, found.measured, found.when) == (True, True, 3)
    halved = estimate(RECIPE, 100, 10, lambda size, batch: timings[size, batch], devices=2)
    assert halved is not None
    assert halved.seconds == pytest.approx(found.seconds / 2)
    assert estimate(RECIPE, 100, 10, lambda size, batch: None if size == 64 else timings[size, batch]) is None


def test_a_tabled_pace_grows_with_the_area() -> None:
    small, large = tabled_timing("resnet50", 64), tabled_timing("resnet50", 128)
    assert small is not None and large is not None
    assert large.train == pytest.approx(4 * small.train)
    assert tabled_timing("unheard-of", 64) is None


def test_a_trial_is_remembered_for_its_very_case(tmp_path: Path) -> None:
    found = measured_timing(tmp_path, "mobilenet_v3_small", 32, 2, seconds=0.2)
    assert found.train > found.judge > 0
    assert "no GPU" in found.machine
    assert known_timing(tmp_path, "mobilenet_v3_small", 32, 2) == found
    assert known_timing(tmp_path, "mobilenet_v3_small", 32, 4) is None
    assert known_timing(tmp_path, "mobilenet_v3_small", 32, 2, gpu=0) is None


def test_a_trial_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did not work"):
        measured_timing(tmp_path, "unheard-of", 32, 2)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"a": 1}', json.dumps({"a": {"train": -1, "judge": 1}}).encode()])
def test_hostile_paces_are_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / timing.FILE).write_bytes(text)
    assert known_timing(tmp_path, "resnet50", 64, 8) is None


def test_sizes_that_a_network_does_not_take_are_named() -> None:
    check_sizes(RECIPE)
    bad = RECIPE.model_copy(update={"architecture": "islam_cnn"})
    with pytest.raises(InputError, match=r"64 px \(stage 1\)"):
        check_sizes(bad)

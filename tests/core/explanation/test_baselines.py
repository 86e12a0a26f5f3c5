"""The pictures that expected gradients compare with."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.baselines import (
    BACKGROUNDS,
    BASELINES,
    FIRST_BACKGROUND_SEED,
    SETS,
    background,
    baseline,
    contact_sheet,
)
from core.models.classifier import resize
from core.preprocessing.framing import frame_image
from core.simulation import FIRST_TRAINING_SEED, draw_cell
from core.simulation.gallery import GALLERY_SEEDS
from tests.support.toy_networks import noise


def test_cells_are_drawn_and_framed_class_by_class() -> None:
    cells = background(noise(), "cells", "frame")
    for number in (0, 1, 7):
        label, seed = CLASSES[number % len(CLASSES)], FIRST_BACKGROUND_SEED + number // len(CLASSES)
        expected = resize(frame_image(draw_cell(label, seed).image, "frame").rgb, 60)
        assert np.array_equal(cells.picture(number, 60), expected)
    assert cells.count % len(CLASSES) == 0
    assert not np.array_equal(cells.picture(0, 60), background(noise(), "cells", "cell").picture(0, 60))


def test_no_cell_is_one_of_the_gallery_or_of_training() -> None:
    last = FIRST_BACKGROUND_SEED + max(SETS.values()) // len(CLASSES)
    assert max(max(seeds) for seeds in GALLERY_SEEDS.values()) < FIRST_BACKGROUND_SEED
    assert last < FIRST_TRAINING_SEED


def test_the_digest_is_that_of_every_picture() -> None:
    cells = background(noise(), "cells")
    assert cells.digest == background(noise(seed=3), "cells").digest
    assert cells.digest != background(noise(), "cells", "frame").digest
    first, other = background(noise(seed=0), "mean"), background(noise(seed=1), "mean")
    assert first.digest != other.digest
    picture = first.picture(0)
    assert first.digest == hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()
    assert cells.digest[:12] in cells.sentence and "25 simulated cells" in cells.sentence


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_a_background_of_one_picture(name: str) -> None:
    context = noise()
    assert name in BACKGROUNDS
    one = background(context, name)
    assert one.count == 1 and np.array_equal(one.picture(0, 48), baseline(context, name, 48))
    assert contact_sheet(one, 40).shape == (40, 40, 3)


def test_the_contact_sheet_shows_every_cell_once() -> None:
    cells = background(noise(), "cells")
    sheet = contact_sheet(cells, side=20, gap=2)
    assert sheet.shape == (5 * 22 - 2, 5 * 22 - 2, 3)
    assert np.array_equal(sheet[22:42, 44:64], cells.picture(7, 20))
    assert (sheet[20:22] == 255).all()


def test_an_unknown_background_is_told() -> None:
    with pytest.raises(InputError, match="cells, many-cells, blur"):
        background(noise(), "noise")

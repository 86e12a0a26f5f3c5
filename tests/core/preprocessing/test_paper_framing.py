from __future__ import annotations

import typing

import cv2
import numpy as np
from scipy import ndimage

from core.models.card import ModelCard
from core.preprocessing.framing import FRAMINGS, frame_image, framed_mask, framing_warning
from core.preprocessing.parameters import CellParameters

LOWER, UPPER = (80, 80, 180), (180, 170, 245)  # Islam et al. 2024, RGB


def smear(colour: tuple[int, int, int]) -> np.ndarray:
    """A disc of 40 px in `colour` on a light ground, with a speck beside it."""
    rgb = np.full((240, 320, 3), 215, dtype=np.uint8)
    cv2.circle(rgb, (200, 110), 40, colour, cv2.FILLED)
    rgb[20:22, 20:22] = colour
    return rgb


def test_the_papers_bounds_cut_the_cell_as_a_slow_twin_does() -> None:
    rgb = smear((120, 90, 200))
    view = frame_image(rgb, "islam")
    stained = np.all((rgb >= LOWER) & (rgb <= UPPER), axis=2)
    pieces, _ = ndimage.label(stained)
    cell = pieces == np.argmax(np.bincount(pieces[pieces > 0]))
    rows, columns = np.flatnonzero(cell.any(axis=1)), np.flatnonzero(cell.any(axis=0))
    wanted = np.array([columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1])
    assert view.found and np.abs(np.array(view.box) - wanted).max() <= 2  # three dilations after two erosions
    assert view.rgb.shape == (120, 120, 3) and view.parameters == CellParameters()
    assert (view.rgb[0, 0] == 0).all() and (view.rgb[60, 60] == (120, 90, 200)).all()


def test_bounds_are_fixed_whatever_the_stain() -> None:
    yellowish = smear((150, 60, 120))  # out of the bounds: less blue than they want
    view = frame_image(yellowish, "islam")
    assert not view.found and view.rgb.shape == (320, 320, 3) and "whole frame" in view.warnings[0]
    own = CellParameters.of(lower=(100, 40, 100), upper=(200, 90, 180))
    assert frame_image(yellowish, "masked", own).found and not frame_image(yellowish, "islam", own).found


def test_a_given_mask_follows_the_framing() -> None:
    for colour in ((120, 90, 200), (150, 60, 120)):
        rgb = smear(colour)
        mask = (rgb == colour).all(axis=2)
        view = frame_image(rgb, "islam")
        framed = framed_mask(mask, rgb, view)
        assert framed.shape == view.rgb.shape[:2]
        assert (framed == (view.rgb == colour).all(axis=2)).mean() > 0.95


def test_a_card_can_name_every_framing_that_is_trained_on() -> None:
    trained = typing.get_args(ModelCard.model_fields["framing"].annotation)
    assert set(trained) == {"cell", "frame", "islam"} <= set(FRAMINGS)
    assert framing_warning("islam", "islam") is None
    assert "the paper's bounds" in (framing_warning("frame", "islam") or "")

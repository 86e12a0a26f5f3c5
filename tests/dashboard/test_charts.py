"""Bars and words as HTML."""

from __future__ import annotations

import re

import pytest

from core.classes import CLASSES
from dashboard.ui.html import facts, probability_bars, verdict


def test_bars_share_one_scale() -> None:
    shares = [0.5, 0.25, 0.125, 0.125, 0.0]
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", probability_bars(CLASSES, shares, "A model"))]
    assert widths == pytest.approx([100 * share for share in shares], abs=0.01)


def test_texts_from_cards_are_escaped() -> None:
    evil = '<img src=x onerror="alert(1)">'
    for page in (probability_bars([evil], [1.0], evil), verdict(evil, 0.5), facts([("Term", evil, evil)])):
        assert "<img" not in page


def test_a_verdict_tells_right_from_wrong_only_when_the_truth_is_told() -> None:
    assert "right" in verdict("monocyte", 0.9, "monocyte")
    assert "wrong" in verdict("monocyte", 0.9, "basophil")
    assert not re.search("right|wrong", verdict("monocyte", 0.9))

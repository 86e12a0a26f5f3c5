"""Bars and words as HTML."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from core.classes import CLASSES
from dashboard.ui.html import CLASS_COLOURS, class_colour, facts, mark_of_truth, no_verdict, verdict


def test_texts_from_cards_are_escaped() -> None:
    evil = '<img src=x onerror="alert(1)">'
    for page in (verdict(evil, 0.5), facts([("Term", evil, evil)])):
        assert "<img" not in page


def test_a_verdict_tells_right_from_wrong_only_when_the_truth_is_told() -> None:
    assert "right" in mark_of_truth("monocyte", "monocyte")
    assert "wrong" in mark_of_truth("monocyte", "basophil")
    assert not re.search("right|wrong", mark_of_truth("monocyte", None))


def test_where_no_cell_was_found_the_answer_is_no_verdict() -> None:
    told = no_verdict("<b>", 0.9)
    assert "No cell found" in told and "<b>" not in told and "<strong>" not in told


ROOT = Path(__file__).parents[3]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: np.ndarray) -> np.ndarray:
    clipped = np.clip(values, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_classes_are_told_apart(sight: str) -> None:
    seen = [rgb2lab(encoded(np.array(SIGHTS[sight]) @ linear(colour))) for colour in CLASS_COLOURS.values()]
    assert min(float(deltaE_ciede2000(a, b)) for a, b in combinations(seen, 2)) > 10


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_class_colours_are_visible_on_the_ground(ground: str) -> None:
    assert min(contrast(colour, THEME[ground]["backgroundColor"]) for colour in CLASS_COLOURS.values()) >= 3


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_text_and_accent_are_readable(ground: str) -> None:
    theme = THEME[ground]
    assert contrast(theme["textColor"], theme["backgroundColor"]) >= 7
    assert contrast(theme["primaryColor"], theme["backgroundColor"]) >= 4.5


def test_the_theme_uses_the_same_colours() -> None:
    assert THEME["chartCategoricalColors"] == [CLASS_COLOURS[name] for name in CLASSES]
    assert class_colour("blast") not in CLASS_COLOURS.values()

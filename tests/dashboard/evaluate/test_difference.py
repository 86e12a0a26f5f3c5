"""The difference of two matrices: counted plainly, said in words, and led back to its images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.classes import CLASSES
from core.evaluation.predictions import Answers
from core.models.card import read_card
from dashboard.evaluate.difference import difference_figure, difference_of, difference_words, furthest_apart
from dashboard.evaluate.models import Evaluated
from tests.support.answers import made_up
from tests.support.tiny_models import make_model

TITLES = ("One", "Other <b>")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Evaluated, Evaluated]:
    """Two models on 200 images; the second answered them in another order, and one more."""
    make_model(tmp_path, "tiny")
    card = read_card(tmp_path / "tiny" / "card.json")
    answers = made_up(200, skill=1.5, seed=0)
    logits = np.random.default_rng(5).normal(size=(200, 5)) + 2.5 * np.eye(5)[answers.labels]
    own = replace(answers, logits=logits, predicted=logits.argmax(axis=1))
    order = np.random.default_rng(6).permutation(200)
    turned = Answers(
        own.classes, (*(own.images[n] for n in order), "elsewhere/1.png"), np.append(own.labels[order], 0),
        np.append(own.predicted[order], 3), np.vstack([own.logits[order], np.eye(5)[3]]),
    )  # fmt: skip
    one = Evaluated("one", TITLES[0], tmp_path, card, answers)
    return one, Evaluated("other", TITLES[1], tmp_path, card, turned)


def by_image(model: Evaluated) -> dict[str, str]:
    assert model.answers
    return {image: CLASSES[n] for image, n in zip(model.answers.images, model.answers.predicted, strict=True)}


def test_cells_are_the_counts_of_the_shared_images(pair: tuple[Evaluated, Evaluated]) -> None:
    found = difference_of(*pair)
    assert found and len(found.labels) == 200
    first, second = by_image(pair[0]), by_image(pair[1])
    figure = difference_figure(found, TITLES, dark=False, marked=("monocyte", "basophil"))
    heat, cells = figure.data
    texts = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert heat.zmin == -heat.zmax and len(figure.layout.shapes) == 1
    for x, y, behind, told in zip(cells.x, cells.y, cells.customdata, cells.hovertext, strict=True):
        true, named = behind
        ones = {image for image, answer in first.items() if image.startswith(f"{true}/") and answer == named}
        others = {image for image, answer in second.items() if image.startswith(f"{true}/") and answer == named}
        gap = len(ones) - len(others)
        assert heat.z[y][x] == gap and texts[x, y] == (f"{gap:+d}" if gap else "0")
        assert (
            f"One {'names right' if true == named else f'calls {named}'} {len(ones)}, Other &lt;b&gt; {len(others)}"
            in told
        )
        images = found.behind(true, named, TITLES)
        assert {case.image for case in images} == ones ^ others
        for case in images:
            assert case.told == f"One: {first[case.image]}; Other <b>: {second[case.image]}; truly {true}"
        assert [case.sure for case in images] == sorted((case.sure for case in images), reverse=True)


def test_the_cell_that_is_shown_first_is_the_largest_off_the_diagonal(pair: tuple[Evaluated, Evaluated]) -> None:
    found = difference_of(*pair)
    assert found
    first, second = found.counts
    gaps = {(a, b): abs(int(first[i, j] - second[i, j])) for i, a in enumerate(CLASSES) for j, b in enumerate(CLASSES)
            if i != j}  # fmt: skip
    assert gaps[furthest_apart(found)] == max(gaps.values())
    told = difference_words(found, TITLES)
    assert told.startswith("Difference of two confusion matrices. Of ") and "One" in told


def test_the_same_answers_differ_nowhere(pair: tuple[Evaluated, Evaluated]) -> None:
    found = difference_of(pair[0], pair[0])
    assert found and "All cells are alike" in difference_words(found, TITLES)
    assert not found.behind("monocyte", "basophil", TITLES)


def test_models_without_a_common_image_have_no_difference(pair: tuple[Evaluated, Evaluated]) -> None:
    answers = pair[1].answers
    assert answers
    apart = replace(pair[1], answers=replace(answers, images=tuple(f"x{name}" for name in answers.images)))
    assert difference_of(pair[0], apart) is None and difference_of(pair[0], replace(pair[1], answers=None)) is None

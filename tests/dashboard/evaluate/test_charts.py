"""Charts of an evaluation beside the figures that they show, and the images behind their points."""

from __future__ import annotations

import numpy as np
import pytest

from core.classes import CLASSES
from core.evaluation.curves import MOST_POINTS
from core.evaluation.history import History
from core.evaluation.metrics import figures_of
from dashboard.evaluate.charts import calibration_figure, history_figure, interval_figure, roc_figure
from dashboard.evaluate.confusion import matrix_figure, most_frequent_mistake
from dashboard.evaluate.images import at_point, in_bin, in_cell
from dashboard.ui.html import CLASS_COLOURS
from tests.support.answers import made_up

ANSWERS = made_up(300, skill=2.0)
FIGURES = figures_of(ANSWERS, "made up", 1.3)


def test_every_class_has_its_curve_in_its_colour() -> None:
    figure = roc_figure(FIGURES, "whole")
    assert [line.name for line in figure.data] == list(CLASSES)
    assert [line.line.color for line in figure.data] == [CLASS_COLOURS[name] for name in CLASSES]
    for line, curve in zip(figure.data, FIGURES.roc, strict=True):
        area = np.trapezoid(np.array(line.y) / 100, np.array(line.x) / 100)
        assert area == pytest.approx(curve.auc.value, abs=1e-3)
        assert curve.name in line.hovertemplate
    assert tuple(roc_figure(FIGURES, "corner").layout.yaxis.range) == (90, 100)


def test_curves_of_thousands_of_images_stay_light() -> None:
    figure = roc_figure(figures_of(made_up(9000, skill=0.3), "made up"), "whole")
    assert all(len(line.x) <= MOST_POINTS for line in figure.data)
    assert len(figure.to_json()) < 400_000


def test_a_point_of_a_curve_leads_to_what_it_gets_wrong() -> None:
    """Against counting with the threshold that the point stands for."""
    for curve in FIGURES.roc:
        number = CLASSES.index(curve.name)
        scores, member = ANSWERS.probabilities(1.3)[:, number], ANSWERS.labels == number
        for threshold in np.quantile(scores, (0.1, 0.5, 0.9, 0.97)):
            named = scores > threshold
            missed, alarms = at_point(
                ANSWERS, curve.name, float(named[~member].mean()), float(named[member].mean()), 1.3
            )
            assert {case.image for case in missed} == {ANSWERS.images[n] for n in np.flatnonzero(member & ~named)}
            assert {case.image for case in alarms} == {ANSWERS.images[n] for n in np.flatnonzero(~member & named)}
            assert [case.sure for case in alarms] == sorted((case.sure for case in alarms), reverse=True)


def test_dots_stand_where_the_bins_are_and_lead_to_their_answers() -> None:
    figure = calibration_figure(FIGURES.calibration)
    dots = figure.data[1]
    sure, right = ANSWERS.probabilities(1.3).max(axis=1), ANSWERS.labels == ANSWERS.predicted
    for x, y, number, told in zip(dots.x, dots.y, dots.customdata, dots.hovertext, strict=True):
        row = FIGURES.calibration.bins[number]
        inside = (sure > row.low) & (sure <= row.high)
        assert (x, y) == (pytest.approx(100 * sure[inside].mean()), pytest.approx(100 * right[inside].mean()))
        assert told.startswith(f"{inside.sum():,} answers, ")
        found, wrong = in_bin(ANSWERS, row.low, row.high, 1.3)
        assert {case.image for case in found} == {ANSWERS.images[n] for n in np.flatnonzero(inside)}
        assert wrong == int((inside & ~right).sum()) and all(case.true != case.named for case in found[:wrong])


@pytest.mark.parametrize("way", ["rates", "counts"])
def test_a_matrix_shows_every_cell_and_hands_it_on(way: str) -> None:
    figure = matrix_figure(FIGURES, way, dark=False)
    heat, cells = figure.data
    assert np.allclose(np.square(heat.z), FIGURES.confusion_rates)
    texts = {(note.x, note.y): note.text for note in figure.layout.annotations}
    for x, y, behind, told in zip(cells.x, cells.y, cells.customdata, cells.hovertext, strict=True):
        true, named = behind
        assert (CLASSES[y], CLASSES[x]) == (true, named)
        count = int(((ANSWERS.labels == y) & (ANSWERS.predicted == x)).sum())
        total = int((ANSWERS.labels == y).sum())
        assert texts[x, y] == (f"{count:,}" if way == "counts" else f"{100 * count / total:.1f}")
        assert told.startswith(f"{count:,} of {total:,} {true} ")
        assert len(in_cell(ANSWERS, true, named, 1.3)) == count
    assert tuple(figure.layout.yaxis.range) == (4.5, -0.5)


def test_numbers_in_a_matrix_can_be_read_on_their_ground() -> None:
    deep = figures_of(made_up(200, skill=50.0), "made up")
    inks = [note.font.color for note in matrix_figure(deep, "rates", dark=False).layout.annotations]
    assert inks[0] == "#ffffff" and inks[1] != "#ffffff"
    assert {note.font.color for note in matrix_figure(deep, "rates", dark=True).layout.annotations} == {"#ffffff"}


def test_the_most_frequent_mistake_is_the_largest_cell_off_the_diagonal() -> None:
    counts = np.array(FIGURES.confusion) * (1 - np.eye(5, dtype=int))
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    assert most_frequent_mistake(FIGURES) == (CLASSES[row], CLASSES[column])


def test_intervals_of_several_models_stand_apart_and_say_their_figures() -> None:
    other = figures_of(made_up(300, skill=1.0, seed=2), "made up")
    figure = interval_figure([("First", FIGURES), ("Second", other)], "sensitivity")
    assert figure is not None
    shown = [trace for trace in figure.data if trace.x[0] is not None]
    assert len(shown) == 2 and {trace.name for trace in figure.data if trace.showlegend is None} == {"First", "Second"}
    assert len({y for trace in shown for y in trace.y}) == 10
    for trace, figures in zip(shown, (FIGURES, other), strict=True):
        for name, x, high in zip(trace.customdata, trace.x, trace.error_x.array, strict=True):
            estimate = figures.rates(name).sensitivity
            assert (x, x + high) == (pytest.approx(100 * estimate.value), pytest.approx(100 * estimate.high))
    assert interval_figure([], "auc") is None


def test_a_history_leaves_gaps_out_and_says_which_side_it_is() -> None:
    columns = {
        "train_accuracy": (0.5, 0.7, 0.8),
        "val_accuracy": (0.6, None, 0.9),
        "train_loss": (None,) * 3,
        "val_loss": (None,) * 3,
    }
    history = History(epochs=(0, 1, 2), columns=columns)
    figure = history_figure(history, "accuracy")
    assert figure is not None
    assert [(line.name, list(line.x), list(line.y)) for line in figure.data] == [
        ("training", [1, 2, 3], pytest.approx([50, 70, 80])),
        ("validation", [1, 3], pytest.approx([60, 90])),
    ]
    assert history_figure(history, "loss") is None

"""What every chart has in common: it shows the data, says them in words, and stays light."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from core.evaluation.curves import MOST_POINTS, thinned
from dashboard.ui.charts import (
    FRAME,
    ROW,
    TEMPLATE,
    Axis,
    Line,
    bar_figure,
    heat_figure,
    line_figure,
    percent_axis,
)

ROOT = Path(__file__).parents[3]


def distance_beside(points: np.ndarray, kept: list[int]) -> float:
    """How far any point lies from the thinned line, in shares of the line's extent: measured to each segment."""
    unit = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    worst = 0.0
    for first, last in itertools.pairwise(kept):
        start, way = unit[first], unit[last] - unit[first]
        length = float(way @ way)
        for point in unit[first : last + 1]:
            along = 0.0 if length == 0 else float(np.clip((point - start) @ way / length, 0, 1))
            worst = max(worst, float(np.linalg.norm(point - start - along * way)))
    return worst


def test_a_short_line_keeps_every_point() -> None:
    assert thinned(range(MOST_POINTS), range(MOST_POINTS)) == list(range(MOST_POINTS))


@pytest.mark.parametrize("kind", ["steps", "smooth", "noise"])
def test_a_long_line_keeps_its_shape_with_few_points(kind: str) -> None:
    random = np.random.default_rng(0)
    x = np.linspace(0, 1, 6000)
    made = {
        "steps": np.floor(x * 37) / 37,
        "smooth": np.sin(5 * x),
        "noise": np.cumsum(random.standard_normal(6000)),
    }
    points = np.column_stack([x, made[kind]])
    kept = thinned(points[:, 0].tolist(), points[:, 1].tolist())
    assert kept[0] == 0 and kept[-1] == 5999 and kept == sorted(set(kept)) and len(kept) <= MOST_POINTS
    assert distance_beside(points, kept) < (0.02 if kind == "noise" else 1e-3)


def test_a_curve_of_corners_is_drawn_exactly() -> None:
    """A ROC curve of 3,000 images with 80 changes of side needs its 81 corners alone."""
    sides = np.repeat(np.arange(80) % 2, 40)
    x, y = np.cumsum(sides == 0) / 1600, np.cumsum(sides == 1) / 1600
    kept = thinned([0, *x], [0, *y])
    assert distance_beside(np.column_stack([[0, *x], [0, *y]]), kept) < 1e-9 and len(kept) == 81


def test_a_level_line_can_be_thinned() -> None:
    assert thinned(range(5000), [1.0] * 5000) == [0, 4999]


def test_lines_show_their_values_and_say_them_in_words() -> None:
    line = Line(
        "one", [0, 1, 2], [3.0, 4.0, 5.0], "After %{x}: %{y:.1f} %", "#123456", "2px,2px", behind=["a", "b", "c"]
    )
    figure = line_figure([line, line], Axis("epoch", (0, 2)), percent_axis("share, %"), 100)
    first = figure.data[0]
    assert (list(first.x), list(first.y), list(first.customdata)) == ([0, 1, 2], [3, 4, 5], ["a", "b", "c"])
    assert first.hovertemplate == "After %{x}: %{y:.1f} %<extra></extra>"
    assert (first.line.color, first.line.dash, first.mode) == ("#123456", "2px,2px", "lines+markers")
    assert figure.layout.xaxis.title.text == "epoch" and tuple(figure.layout.xaxis.range) == (0, 2)
    assert tuple(figure.layout.yaxis.tickvals) == (0, 25, 50, 75, 100)
    assert figure.layout.height == 100 + ROW and figure.layout.margin.b == FRAME["below"] + ROW


def test_bars_are_as_long_as_their_values_and_in_their_colours() -> None:
    figure = bar_figure(["a", "b", "c"], [0.25, None, 1.0], ["25 %", "none", "all"], ["#111111"] * 3, ["x", "y", "z"])
    bars = figure.data[0]
    assert list(bars.x) == [0.25, 0, 1] and tuple(figure.layout.xaxis.range) == (0, 1)
    assert list(figure.layout.yaxis.ticktext) == ["a", "b", "c"] and figure.layout.yaxis.autorange == "reversed"
    assert list(figure.layout.yaxis2.ticktext) == ["25 %", "none", "all"] and list(bars.hovertext) == ["x", "y", "z"]


def test_foreign_text_is_no_markup() -> None:
    evil = "<a href='x'>b</a>"
    figure = line_figure([Line(evil, [0], [0], "")], Axis(""), Axis(""), 10)
    assert "<" not in figure.data[0].name
    assert not any("<" in name for name in bar_figure([evil], [1.0], ["x"], ["#111111"], ["x"]).layout.yaxis.ticktext)


def test_one_template_isolates_by_a_click_and_leaves_a_finger_to_scroll() -> None:
    assert TEMPLATE.layout.legend.itemclick == "toggleothers" and TEMPLATE.layout.dragmode is False
    assert TEMPLATE.layout.paper_bgcolor == TEMPLATE.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_no_chart_is_drawn_by_anything_else() -> None:
    words = r"vega_lite|altair|st\.(line|bar|area|scatter|map)_chart|pyplot"
    files = [file for folder in ("dashboard", "pages") for file in (ROOT / folder).rglob("*.py")]
    found = [file.name for file in files if re.search(words, file.read_text(encoding="utf-8"))]
    assert len(files) > 30 and found == []


def test_heat_maps_stand_side_by_side_each_by_its_own_largest_value() -> None:
    figure = heat_figure(["a <b>", "b"], [((0.0, 2.0), (1.0, 0.0)), ((0.0, 0.0),)], "%{z}")
    first, second = figure.data
    assert [list(row) for row in first.z] == [[0, 1], [0.5, 0]] and [list(row) for row in second.z] == [[0, 0]]
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0] and figure.layout.xaxis2.domain[1] <= 1
    assert figure.layout.yaxis.autorange == figure.layout.yaxis2.autorange == "reversed"
    assert [note.text for note in figure.layout.annotations] == ["a &lt;b&gt;", "b"]

"""Maps of one class as a figure: what stands where, the wipe, and the files to take away."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core.explanation.methods.registry import METHODS
from core.explanation.quality.scores import SCORES, ScoreRow, Scoring
from dashboard.explain.all_scores import verdict_of
from dashboard.explain.controls import GROUPS
from dashboard.explain.figure import Panel, figure_file, map_figure, wiped


def panel(head: str, shade: int, side: int = 40) -> Panel:
    return Panel(head, f"says {shade}", np.full((side, side, 3), shade, dtype=np.uint8))


PANELS = [[panel("VGG-19", 10), panel("Grad-CAM", 200)], [panel("Custom CNN", 20), panel("Grad-CAM", 210)]]


def test_the_groups_hold_every_method_once() -> None:
    assert sorted(name for members in GROUPS.values() for name in members) == sorted(METHODS)


@pytest.mark.parametrize(("share", "mean"), [(0.0, 10.0), (1.0, 200.0)])
def test_the_wipe_shows_all_of_the_picture_or_all_of_the_map(share: float, mean: float) -> None:
    assert wiped(PANELS[0][0].rgb, PANELS[0][1].rgb, share).mean() == mean


def test_the_wipe_is_the_map_left_of_a_white_line_and_the_picture_right_of_it() -> None:
    row = wiped(PANELS[0][0].rgb, PANELS[0][1].rgb, 0.5)[0, :, 0]
    assert set(row[:19]) == {200} and set(row[19:21]) == {255} and set(row[21:]) == {10}


def test_every_panel_has_axes_that_follow_the_first() -> None:
    figure = map_figure(PANELS, 1.0, 980, zooms=True)
    axes = [figure.layout[name] for name in ("xaxis2", "xaxis3", "xaxis4")]
    assert [axis.matches for axis in axes] == ["x", "x", "x"]
    assert len(figure.layout.images) == 4
    heads = [note.text for note in figure.layout.annotations]
    assert heads == [
        "<b>VGG-19</b>", "says 10", "<b>Grad-CAM</b>", "says 200", "<b>Custom CNN</b>", "says 20", "<b>Grad-CAM</b>",
        "says 210",
    ]  # fmt: skip


def test_titles_of_foreign_models_are_text() -> None:
    figure = map_figure([[panel("<img src=x>", 1)]], 1.0, 980, zooms=True)
    assert "<img" not in figure.to_json()


def test_the_files_hold_pictures_titles_and_the_legend() -> None:
    strips = {"Grad-CAM": ("0", "each map's own maximum", "cividis")}
    drawn = Image.open(io.BytesIO(figure_file(PANELS, strips, "png")))
    assert min(drawn.size) > 600
    root = ElementTree.fromstring(figure_file([[panel("a $x$ & <b>", 3), panel("map", 4)]], strips, "svg"))
    images = root.iter("{http://www.w3.org/2000/svg}image")
    assert len(list(images)) == 3  # two panels and the palette


def test_a_sentence_stands_in_the_place_of_a_map_that_is_not_there() -> None:
    """The columns beside it stay where they are, in the figure as in the file."""
    told = "No map: <neutrophil> cannot be held against itself."
    rows = [[*PANELS[0], panel("LIME", 30)], [PANELS[1][0], Panel("Grad-CAM", told, None), panel("LIME", 40)]]
    figure = map_figure(rows, 0.5, 980, zooms=True)
    assert len(figure.layout.images) == 5
    notes = {(note.text, note.y): note.x for note in figure.layout.annotations}
    for head in ("<b>Grad-CAM</b>", "<b>LIME</b>"):
        places = [x for (text, _), x in notes.items() if text == head]
        assert len(places) == 2 and len(set(places)) == 1
    (said,) = (text for text, _ in notes if "cannot" in text)
    assert "<br>" in said and "&lt;neutrophil" in said and "<neutrophil" not in said
    strips = {"LIME": ("against", "for", "blue-red")}
    root = ElementTree.fromstring(figure_file(rows, strips, "svg"))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 5 + 1


def scoring(*rows: ScoreRow) -> Scoring:
    return Scoring("vgg19", "gradcam", "monocyte", rows, (), "estimated")


def row(score: str, value: float | None, *controls: float | None) -> ScoreRow:
    return ScoreRow(score, value, dict(zip(("random", "edges", "centre"), controls, strict=True)), "")


def test_the_verdict_counts_the_scores_on_which_a_map_is_ahead_of_all_its_controls() -> None:
    margin = SCORES["deletion"].margin
    ahead = row("deletion", 0.2, 0.5, 0.4, 0.2 + 2 * margin)  # lower is better
    level = row("insertion", 0.7, 0.5, 0.7, 0.6)  # no further than one control
    untold = row("stability", None, None, None, None)
    assert verdict_of(scoring(ahead, level, untold)) == "better than all its controls on 1 of 2 scores"
    assert verdict_of(scoring(level)) == "no better than its controls on any of 1 scores"
    assert verdict_of(scoring(untold)) == "nothing to compare yet"

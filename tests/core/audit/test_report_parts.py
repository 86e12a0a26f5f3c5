"""Charts and checklists of the report, and labels that were swapped."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from core.audit.charts import chart_html, chart_png, heat_png, picture_html
from core.audit.checklists import CHECKLISTS, checklist_table
from core.audit.findings import (
    STEPS,
    AuditChart,
    AuditLine,
    AuditPanel,
    AuditPicture,
    AuditTable,
    Finding,
    Remark,
    StepResult,
)
from core.audit.probes import calibration_step
from core.audit.report import numeric
from core.audit.run import AuditReport
from core.audit.steps import performance_step
from core.audit.subject import AuditedModel, AuditedSet
from core.classes import CLASSES
from core.evaluation.metrics import calibration
from core.evaluation.predictions import Answers
from core.models.card import read_card
from tests.support.tiny_models import make_model

LINE = AuditLine(name="a $model$ <b>", x=(0.0, 0.5, 1.0), y=(0.2, 0.6, 0.9))
CHART = AuditChart(title="Made <up>", x_title="how sure", y_title="how often right", lines=(LINE,), diagonal=True)


def test_a_chart_is_a_picture_with_words_beside_it() -> None:
    picture = Image.open(BytesIO(chart_png(CHART)))
    assert picture.format == "PNG" and picture.size == (921, 518)
    assert chart_png(CHART) == chart_png(CHART)
    other = CHART.model_copy(update={"lines": (LINE.model_copy(update={"y": (0.9, 0.6, 0.2)}),)})
    assert chart_png(other) != chart_png(CHART)
    page = chart_html(CHART)
    assert "a $model$ &lt;b&gt; from 0.20 to 0.90" in page and "Made &lt;up&gt;" in page and "<up>" not in page


PANELS = (
    AuditPanel(name="one $x$ <b>", values=((0.0, 0.0), (0.0, 0.5)), words="in the lower right"),
    AuditPanel(name="two", values=((0.0, 0.0), (0.0, 0.0)), words="nowhere"),
)


def test_heat_maps_are_a_picture_with_words_beside_it() -> None:
    shown = AuditPicture(title="Made <up>", panels=PANELS, note="A note.")
    picture = np.asarray(Image.open(BytesIO(heat_png(shown))).convert("L"))
    assert heat_png(shown) == heat_png(shown) and picture.shape == (288, 921)
    side = 216  # px of a panel's side at DPI: its lower right quarter is dark, the others and the next panel pale
    assert picture[-60, side - 40] < 60 and picture[-60, 40] > 200 and picture[-60, 230 + side - 40] > 200
    page = picture_html(shown)
    assert "one $x$ &lt;b&gt;: in the lower right; two: nowhere. A note." in page and "<b>" not in page
    assert "Made &lt;up&gt;" in page


@pytest.mark.parametrize("values", [((0.0,), (0.0, 1.0)), ((),), ((-1.0,),), ((float("nan"),),), tuple([(0.0,)] * 65)])
def test_a_torn_or_huge_heat_map_is_none(values: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValidationError):
        AuditPanel(name="n", values=values, words="w")


@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_checklist_says_what_was_run_and_what_is_left(name: str) -> None:
    known = {step for point in CHECKLISTS[name] for step in point.steps}
    assert known <= {"", *STEPS}
    whole, nothing = checklist_table(name, STEPS), checklist_table(name, ())
    assert not any("not run" in row[2] for row in whole.rows)
    assert len(whole.rows) == len(nothing.rows) == len(CHECKLISTS[name])
    for point, row in zip(CHECKLISTS[name], nothing.rows, strict=True):
        assert (row[1] == "–") == ("" not in point.steps)
        assert ("not run" in row[2]) == bool(set(point.steps) - {""})
        assert point.left in row[2]


@pytest.fixture
def model(tmp_path: Path) -> AuditedModel:
    """Right on 200 images and 99 % sure; but six labels were swapped, and two answers are unsure and wrong."""
    make_model(tmp_path, "made-up")
    card = read_card(tmp_path / "made-up" / "card.json")
    answers = np.arange(200) % 5
    labels = answers.copy()
    labels[[3, 30, 77, 90, 140, 199]] = (labels[[3, 30, 77, 90, 140, 199]] + 2) % 5
    labels[[10, 11]] = (labels[[10, 11]] + 1) % 5
    logits = 6.0 * np.eye(5)[answers]
    logits[[10, 11]] *= 0.2
    images = tuple(f"cells/{number}.png" for number in range(200))
    return AuditedModel("made-up", card, Answers(CLASSES, images, labels, logits.argmax(axis=1), logits))


def test_swapped_labels_are_named(model: AuditedModel) -> None:
    result = performance_step([model], AuditedSet("made up"))
    finding = next(one for one in result.findings if one.key == "suspects")
    assert finding.figure == pytest.approx(6 / 200) and finding.sentence.startswith("6 images are named otherwise")
    table = next(one for one in result.tables if "against the label" in one.title)
    assert {row[0] for row in table.rows} == {f"cells/{n}.png" for n in (3, 30, 77, 90, 140, 199)}
    right = replace(model, answers=replace(model.answers, labels=model.answers.predicted))
    assert not any(one.key == "suspects" for one in performance_step([right], AuditedSet("made up")).findings)


def test_the_reliability_line_is_that_of_the_bins(model: AuditedModel) -> None:
    (chart,) = calibration_step([model], AuditedSet("made up")).charts
    bins = calibration(model.probabilities.max(axis=1), model.right).bins
    full = [one for one in bins if one.images >= 10]
    assert chart.diagonal and chart.lines[0].x == tuple(one.confidence for one in full)
    assert chart.lines[0].y == tuple(one.accuracy for one in full)


def test_a_report_with_a_torn_table_or_line_is_none() -> None:
    with pytest.raises(ValidationError, match="more or fewer cells"):
        AuditTable(title="t", heads=("a", "b"), rows=(("1",),))
    with pytest.raises(ValidationError, match="as many x as y"):
        AuditLine(name="l", x=(0.0,), y=())


@pytest.mark.parametrize(
    "cell", ["", "–", "12", "98.0 % (97.0 % to 99.0 %)", "+2.9", "-0.04", "< 0.01", "1.2e-05", "3 kB"]
)
def test_figures_stand_at_the_right(cell: str) -> None:
    assert numeric(cell)


@pytest.mark.parametrize("cell", ["mobilenet_v3_small", "basophil/41.jpg", "monocyte", "- none"])
def test_names_stand_at_the_left(cell: str) -> None:
    assert not numeric(cell)


REPORT = {"software": "", "data": "", "data_sha256": "0" * 64, "models": (), "results": ()}


@pytest.mark.parametrize("digest", ["", "<img src=x onerror=alert(1)>", "0" * 63 + "G"])
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(ValidationError, match="data_sha256"):
        AuditReport.model_validate(REPORT | {"data_sha256": digest})


def test_findings_and_remarks_are_told_apart_by_their_marks() -> None:
    finding = Finding(step="data", key="one", title="One", status="passed", sentence="")
    results = (StepResult(step="data", findings=(finding, finding)),)
    with pytest.raises(ValidationError, match="one mark"):
        AuditReport.model_validate(REPORT | {"results": results})
    with pytest.raises(ValidationError, match="one mark"):
        AuditReport.model_validate(REPORT | {"remarks": (Remark(mark="a"), Remark(mark="a", words="b"))})


def test_axes_are_no_formulas_and_points_are_bounded() -> None:
    assert chart_png(CHART.model_copy(update={"x_title": "$\\bad{$"}))
    with pytest.raises(ValidationError):
        AuditLine(name="far", x=(1e308,), y=(0.0,))

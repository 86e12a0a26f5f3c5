"""The table of the papers' experiments done again, as the Evaluate page shows it."""

from __future__ import annotations

from core.evaluation.intervals import Estimate, undefined
from core.reproduction.table import ReproductionRow
from dashboard.evaluate.papers import reproduction_table
from dashboard.ui.format import lasted

SHARE = Estimate(value=0.875, low=0.5, high=0.98, of=8)
ROW = ReproductionRow(
    run="tiny",
    paper="islam-2024",
    architecture="islam_cnn",
    title="Custom <b>CNN</b>",
    data="made-up cells",
    protocol="split by photograph",
    weights="none & scratch",
    input_size=120,
    epochs=3,
    images=8,
    accuracy=SHARE,
    precision=SHARE,
    sensitivity=SHARE,
    f1=undefined(),
    auc=Estimate(value=0.95, low=0.71, high=0.99, of=8),
    seconds=14,
    parameters=1_400_000,
    size_mb=2.9,
    command="python -m core train islam-2024 --data DIR",
    processor="2 threads",
)


def test_a_row_tells_figures_with_intervals_and_what_they_rest_on() -> None:
    told = reproduction_table([ROW]).replace("\u00a0", " ")
    assert "87.5 %<small>50.0–98.0</small>" in told
    assert "0.9500<small>0.7100–0.9900</small>" in told
    assert "3 epochs at 120 px; 2 threads" in told
    assert "14 s" in told
    assert "<b>" not in told and "none &amp; scratch" in told


def test_a_training_lasts_seconds_minutes_or_hours() -> None:
    assert [lasted(seconds).replace("\u00a0", " ") for seconds in (14, 240, 7200)] == ["14 s", "4 min", "2.0 h"]

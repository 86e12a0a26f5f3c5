"""Numbers as they are read."""

from __future__ import annotations

import pytest

from core.explanation.wording import raw
from dashboard.ui.format import NO_BREAK, duration, measured, millions, percent, size


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0 %"), (1e-5, "< 0.1 %"), (0.0312, "3.1 %"), (0.2, "20 %"), (0.987, "99 %"), (0.9934, "99.3 %")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text.replace(" ", NO_BREAK)


def test_no_model_is_a_hundred_percent_sure() -> None:
    assert percent(1.0) == percent(0.99999) == "> 99.9 %".replace(" ", NO_BREAK)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.9996, "99.96 %"),
        (0.9934, "99.3 %"),
        (0.912, "91 %"),
        (0.0004, "0.04 %"),
        (1 - 1e-7, "> 99.9 %"),
        (None, "too few images"),
    ],
)
def test_what_was_counted_is_written_as_it_is(share: float | None, text: str) -> None:
    assert measured(share) == text.replace("> ", f">{NO_BREAK}").replace(" %", f"{NO_BREAK}%")


def test_units_stand_beside_numbers() -> None:
    assert (millions(1.52), millions(143.67)) == ("1.52 M", "143.7 M")
    assert (duration(0.0462), duration(2.34)) == ("46 ms", "2.3 s")
    assert (size(2.93), size(48.3)) == ("2.9 MB", "48 MB")
    assert (raw(0.0), raw(0.8912), raw(3.1e-12)) == ("0", "0.89", "3.1e-12")

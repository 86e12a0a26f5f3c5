"""The results table as CSV: no spreadsheet runs what stands in a file's name."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from core.data.readers import csv_text


@pytest.mark.parametrize("name", ["=1+1.png", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=HYPERLINK("http://x")'])
def test_formulas_are_defused(name: str) -> None:
    text = csv_text(pd.DataFrame({"image": [name], "VGG-19 probability": [0.5]}))
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["image"] == "'" + name.replace("\t", " ").replace("\r", " ")
    assert row["VGG-19 probability"] == "0.5"


def test_plain_names_and_numbers_are_left_alone() -> None:
    assert csv_text(pd.DataFrame({"image": ["cell, 1.png"], "n": [-3]})) == 'image,n\n"cell, 1.png",-3\n'

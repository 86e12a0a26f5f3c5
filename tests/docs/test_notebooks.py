"""The notebooks were executed, and show what their cells show today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.notebook import code_cells, run_cells, written

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LARGEST = 1_000_000  # bytes


def shown(output: dict[str, Any]) -> tuple[list[str], str]:
    """The kinds in which an output is there, and its text."""
    data = output.get("data", {})
    return sorted(data), "".join(data.get("text/plain", output.get("text", [])))


def alike(one: str, other: str) -> bool:
    """Whether two texts agree, their numbers up to 2 % or 0.2, as another processor rounds them."""
    numbers = [[float(number) for number in NUMBER.findall(text)] for text in (one, other)]
    return NUMBER.sub("#", one) == NUMBER.sub("#", other) and numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.2)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_its_cells_show(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEUKOLENS_CHECKPOINTS", raising=False)
    monkeypatch.setenv("LEUKOLENS_DEVICE", "cpu")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell, outputs in zip(code_cells(notebook), run_cells(notebook), strict=True):
        assert cell["execution_count"] and len(cell["outputs"]) == len(outputs)
        for kept, now in zip(cell["outputs"], outputs, strict=True):
            (kinds, text), (kinds_now, text_now) = shown(kept), shown(now)
            assert kinds == kinds_now and alike(text, text_now), (text, text_now)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_its_links_lead_somewhere(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    notebook = json.loads(path.read_text(encoding="utf-8"))
    text = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links and all((path.parent / link).is_file() for link in links)


def test_there_is_a_notebook() -> None:
    assert [path.name for path in NOTEBOOKS] == ["library.ipynb"]


def test_an_output_that_is_not_todays_is_found() -> None:
    cells = [{"cell_type": "code", "source": ["print(1)\n", "x = 2\n", "x * 2"]}, {"cell_type": "markdown"}]
    once = json.loads(written({"cells": cells}))
    stream, result = once["cells"][0]["outputs"]
    assert stream["text"] == ["1\n"] and shown(result) == (["text/plain"], "4")
    assert alike("a cell of 100 px", "a cell of 101 px") and not alike("a cell of 100 px", "a cell of 110 px")
    assert not alike("monocyte 98.9%", "basophil 98.9%")

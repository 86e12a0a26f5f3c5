"""`python -m benchmarks leaks` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.__main__ import app
from core.simulation import draw_cell


@pytest.mark.parametrize(("options", "message"), [([], "does not exist"), (["--half", "both"], "both")])
def test_bad_input_is_told(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["leaks", "--data", str(tmp_path), *options])
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr


def test_copies_of_sets_on_which_nothing_was_chosen(tmp_path: Path) -> None:
    for number in range(8):
        for place in ("lisc/basophil", "jtsc/images"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            cell = draw_cell("neutrophil", 700 + number + 50 * (place == "jtsc/images"), size=160).image
            Image.fromarray(cell).save(tmp_path / place / f"{number}.png")
    options = ["--photographs", "2", "--copies", "3", "--strangers", "2", "--unseen", "--json"]
    result = CliRunner().invoke(app, ["leaks", "--data", str(tmp_path), *options])
    document = json.loads(result.stdout)
    assert document["images"] == 2 * 2 * (1 + 3) + 2 and document["photographs"] == 6

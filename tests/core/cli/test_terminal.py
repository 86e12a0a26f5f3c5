"""What people read of a command: doubts beside each answer, and nothing that a terminal cannot show."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.cli.app import app
from core.cli.common import for_terminal
from core.simulation import draw_cell
from tests.support.tiny_models import NEVER_FAMILIAR, make_model

ROOT = Path(__file__).parents[3]


def picture(place: Path, rgb: np.ndarray) -> Path:
    Image.fromarray(rgb).save(place)
    return place


def test_each_line_says_where_no_cell_was_found_or_the_picture_is_strange(tmp_path: Path) -> None:
    make_model(tmp_path / "models", "plain")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    picture(pictures / "black.png", np.zeros((64, 64, 3), np.uint8))
    picture(pictures / "cell.png", draw_cell("monocyte", 1).image)
    asked = CliRunner().invoke(app, ["predict", str(pictures), "--checkpoints", str(tmp_path / "models")])
    black, cell = asked.stdout.splitlines()
    assert "no cell was found" in black and "(" not in cell


def test_an_unfamiliar_picture_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from core.models.checkpoints import load_classifier, save_classifier
    from core.models.novelty import fit_feature_space

    make_model(tmp_path / "models", "plain")
    classifier = load_classifier(tmp_path / "models" / "plain")
    card = classifier.card.model_copy(update={"novelty": NEVER_FAMILIAR})
    space = fit_feature_space(torch.randn(400, 256).abs(), torch.arange(400) % 5)
    save_classifier(tmp_path / "models" / "plain", card, classifier.network, space)
    file = picture(tmp_path / "cell.png", draw_cell("monocyte", 1).image)
    asked = CliRunner().invoke(app, ["predict", str(file), "--checkpoints", str(tmp_path / "models")])
    assert "unfamiliar: unlike" in asked.stdout


class Terminal(StringIO):
    encoding = "cp1252"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("白血球 1.png", "??? 1.png"),
        ("na\u00efve", "na\u00efve"),
        ("a\x1b[31mred\x1b]0;title\x07", "a?[31mred?]0;title?"),
        ("bad \udcff name", "bad ? name"),
        ("two\nlines\tkept", "two\nlines\tkept"),
        ("\u202egnp.exe", "?gnp.exe"),
    ],
)
def test_what_a_terminal_cannot_show_is_replaced(text: str, told: str) -> None:
    assert for_terminal(text, Terminal()) == told


def test_joined_letters_stay_where_they_can_be_shown() -> None:
    for word in ("क्\u200dष", "می\u200cخواهم", "e\u0301", "ผู้"):
        assert for_terminal(word, sys.__stdout__) == word or sys.__stdout__.encoding.lower() != "utf-8"


def test_a_name_that_the_terminal_lacks_ends_no_command(tmp_path: Path) -> None:
    make_model(tmp_path / "models", "plain")
    file = picture(tmp_path / "白血球 1.png", draw_cell("monocyte", 1).image)
    words = ["predict", str(file), "--checkpoints", str(tmp_path / "models")]
    asked = subprocess.run(
        [sys.executable, "-m", "core", *words],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert b"??? 1.png: plain: " in asked.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("options", [["models"], ["models", "--json"]])
def test_a_full_disk_under_the_output_is_said_without_a_traceback(options: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "core", *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: The disk is full")
    assert "Traceback" not in done.stderr

"""Curves of a training read back, and images found below a data folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.evaluation.history import read_history
from core.evaluation.predictions import image_folders, places_of


def test_old_histories_lack_columns_and_gaps_are_none(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,val_accuracy,val_loss,seconds\n0,0.5,nan,10\n1,0.75,inf,12.5\n")
    history = read_history(path)
    assert len(history) == 2 and history.seconds == 22.5 and history.best_validation == 0.75
    assert history.columns["val_loss"] == (None, None) and history.columns["train_loss"] == ()


@pytest.mark.parametrize(
    "text", ["", "loss\n1\n", "epoch,val_loss\nx,1\n", "epoch,val_loss\n1,high\n", "epoch\n1e400\n"]
)
def test_a_damaged_history_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match="damaged"):
        read_history(tmp_path / "history.csv")


def test_a_missing_or_huge_history_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_bytes(b"x" * 2_000_001)
    with pytest.raises(InputError, match="larger than 2 MB"):
        read_history(tmp_path / "history.csv")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for place in ("data/a/monocyte/1.png", "data/b/monocyte/1.png", "data/monocyte/2.png", "secret/monocyte/3.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "secret")
    (tmp_path / "data" / "monocyte" / "4.png").symlink_to(tmp_path / "secret" / "monocyte" / "3.png")
    (tmp_path / "data" / "monocyte" / "notes.txt").write_text("")
    return tmp_path / "data"


def test_an_image_is_found_wherever_its_folder_lies(data: Path) -> None:
    folders = image_folders(data)
    assert places_of("monocyte/2.png", folders) == (data / "monocyte/2.png",)
    assert places_of("monocyte/1.png", folders) == (data / "a/monocyte/1.png", data / "b/monocyte/1.png")


@pytest.mark.parametrize(
    "image",
    [
        "../secret/monocyte/3.png",
        "monocyte/../../secret/monocyte/3.png",
        "secret/3.png",
        "monocyte/3.png",
        "monocyte/4.png",
        "../3.png",
        "monocyte/..",
        "/etc/passwd",
        "monocyte/notes.txt",
        "monocyte/2.png\0",
        "monocyte\\2.png",
        "2.png",
        "",
    ],
)
def test_nothing_else_is_found(data: Path, image: str) -> None:
    assert places_of(image, image_folders(data)) == ()

"""What a run says reaches its log, and while nothing is trained its status."""

from __future__ import annotations

from pathlib import Path

from core.runs.directory import RunDirectory
from core.training.session import LOG, logged


def test_what_is_done_before_and_after_the_epochs_is_the_status(tmp_path: Path) -> None:
    directory, said = RunDirectory(tmp_path), []
    tell = logged(said.append, directory)
    directory.report(state="preparing", message="Reading the images")
    tell("read 512/12444 images")
    assert RunDirectory(tmp_path).status().message == "read 512/12444 images"
    tell("a box\nof two lines")
    directory.report(state="training", message="Epoch 1 of 3")
    tell("by the way")
    assert RunDirectory(tmp_path).status().message == "Epoch 1 of 3"
    assert said == ["read 512/12444 images", "a box\nof two lines", "by the way"]
    assert (tmp_path / LOG).read_text() == "read 512/12444 images\na box\nof two lines\nby the way\n"

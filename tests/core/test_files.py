"""Files from outside are read within bounds, and only where they are plain files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.files import read_bounded, read_end, read_plain, remove_partials


def test_a_plain_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_plain(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        read_plain(tmp_path / "a", 4)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "b", 4)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero")
    with pytest.raises(OSError, match=r"no plain file|directory"):
        read_plain(place, 100)
    assert read_bounded(place, 100) is None and read_end(place, 100) == (b"", False)


def test_a_log_that_is_a_link_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret")
    (tmp_path / "log.txt").symlink_to(tmp_path / "secret")
    assert read_end(tmp_path / "log.txt", 100) == (b"", False)
    assert read_end(tmp_path / "secret", 3) == (b"ret", False)


def test_what_killed_processes_left_half_written_goes_and_the_living_are_left_alone(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (
        f".card.json.{gone.pid}.partial",
        "last.ckpt.partial",
        f".card.json.{os.getppid()}.partial",
        "card.json",
    ):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / f".model.{gone.pid}.partial").mkdir()
    (tmp_path / f".model.{gone.pid}.partial" / "weights").write_bytes(b"x")
    remove_partials(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f".card.json.{os.getppid()}.partial", "card.json"}
    remove_partials(tmp_path / "nowhere")

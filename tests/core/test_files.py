"""Files from outside are read within bounds, and only where they are plain files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.files import read_bounded, read_end, read_plain


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

"""Copies between two collections: planted ones are found, and told by how alike they are; strangers are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.leaks.between import CopyOf, copies_between
from tests.support.photographs import hue_turned, photograph, save


def quiet(message: str) -> None:
    del message


def test_planted_copies_are_found_and_strangers_are_not(tmp_path: Path) -> None:
    seen = [save(photograph(seed), tmp_path / "train" / f"{seed}.png") for seed in range(4)]
    bytes_ = tmp_path / "test" / "bytes.png"
    bytes_.parent.mkdir()
    bytes_.write_bytes(seen[2].read_bytes())
    first = [
        save(photograph(11), tmp_path / "test" / "stranger.png"),
        save(hue_turned(photograph(1), 12)[:, ::-1], tmp_path / "test" / "altered.jpg", quality=80),
        bytes_,
        save(photograph(3), tmp_path / "test" / "pixels.png", compress_level=1),
        tmp_path / "test" / "gone.png",
    ]
    copies, unread = copies_between(first, seen, quiet)
    assert copies == [CopyOf(1, 1, "altered copy"), CopyOf(2, 2, "same bytes"), CopyOf(3, 3, "same pixels")]
    assert unread == (1, 0)


def test_copies_inside_a_collection_count_for_nothing(tmp_path: Path) -> None:
    first = [save(photograph(5), tmp_path / "test" / f"{n}.png", compress_level=n) for n in (1, 9)]
    second = [save(photograph(6), tmp_path / "train" / f"{n}.png", compress_level=n) for n in (1, 9)]
    assert copies_between(first, second, quiet) == ([], (0, 0))


def test_nothing_against_nothing(tmp_path: Path) -> None:
    one = [save(np.full((40, 40, 3), 200, np.uint8), tmp_path / "one.png")]
    assert copies_between([], one, quiet) == ([], (0, 0)) and copies_between(one, [], quiet) == ([], (0, 0))

"""Reading one image from disk, and finding those in folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.decoding import MAX_BYTES, find_images, read_image
from core.errors import InputError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def deny(monkeypatch: pytest.MonkeyPatch, owner: object, attribute: str, denied: Path) -> None:
    """Make `owner.attribute` raise PermissionError for `denied`, as a file system does for anyone but root."""
    original = getattr(owner, attribute)

    def guarded(path: os.PathLike[str], *arguments: object, **options: object) -> object:
        if Path(path) == denied:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(owner, attribute, guarded)


def test_read_image(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = tmp_path / "cell.png"
    Image.fromarray(rgb).save(path)
    decoded = read_image(path)
    assert np.array_equal(decoded.rgb, rgb)
    assert decoded.name == "cell.png"


def test_missing_file_and_file_below_a_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", touch(tmp_path / "file") / "cell.png"):
        with pytest.raises(InputError, match="does not exist"):
            read_image(path)
        with pytest.raises(InputError, match="does not exist"):
            find_images([path])


def test_impossible_path() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_image(Path("a\0b.png"))
    with pytest.raises(InputError, match="cannot be read"):
        read_image(Path("a" * 5000))


def test_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of POSIX")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="not a regular file"):
        read_image(tmp_path / "pipe.png")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = touch(tmp_path / "cell.png")
    deny(monkeypatch, Path, "open", path)
    with pytest.raises(InputError, match="permission denied"):
        read_image(path)


def test_size_is_checked_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    deny(monkeypatch, Path, "open", path)
    with pytest.raises(InputError, match="at most 20 MB"):
        read_image(path)


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    kept = [touch(tmp_path / name) for name in ("a.png", "b.JPEG", "m/x.tif", "m/y/z.webp", "n.bmp")]
    for name in ("notes.txt", ".hidden.png", ".cache/c.png", "m/.git/d.png", "noending"):
        touch(tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    assert find_images([tmp_path]) == kept


def test_files_stay_as_given_and_come_once(tmp_path: Path) -> None:
    odd, second, first = (touch(tmp_path / name) for name in ("odd.dat", "b.png", "a.png"))
    assert find_images([odd, second, tmp_path, second]) == [odd, second, first]


def test_links_do_not_lead_in_circles(tmp_path: Path) -> None:
    image = touch(tmp_path / "images" / "a.png")
    (tmp_path / "images" / "again").symlink_to(tmp_path / "images", target_is_directory=True)
    (tmp_path / "images" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "images" / "loop.png").symlink_to(tmp_path / "images" / "loop.png")
    assert find_images([tmp_path / "images"]) == [image]
    with pytest.raises(InputError, match="cannot be read"):
        find_images([tmp_path / "images" / "loop.png"])


def test_nothing_found(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"No image found in .*\.png"):
        find_images([tmp_path])
    with pytest.raises(InputError, match="No image found"):
        find_images([])


def test_unreadable_folder_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.png")
    locked = touch(tmp_path / "locked" / "b.png").parent
    deny(monkeypatch, os, "scandir", locked)
    with pytest.raises(InputError, match="locked may not be read"):
        find_images([tmp_path])

"""Zip files of images: unpacked within bounds, or refused with nothing left behind."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from core.data import archives
from core.data.archives import unpack
from core.errors import InputError
from tests.support.reading import png


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


CELLS = {f"cells/{label}/{number}.png": png((number, 9, 9)) for label in ("monocyte", "basophil") for number in (1, 2)}


def test_images_and_tables_are_unpacked_and_nothing_else(tmp_path: Path) -> None:
    data = zipped(**CELLS, **{"cells/labels.csv": b"path,label\n", "cells/run.sh": b"rm", "cells/.DS_Store": b"x"})
    folder = unpack(data, tmp_path)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*CELLS, "cells/labels.csv"}
    assert (folder / "cells/monocyte/1.png").read_bytes() == CELLS["cells/monocyte/1.png"]
    assert unpack(data, tmp_path) == folder
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("cells/monocyte/1.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no zip", "damaged"),
        (zipped(**CELLS)[:-40], "damaged"),
        (zipped(**{"../../evil.png": png()}), "outside"),
        (zipped(**{"/etc/evil.png": png()}), "outside"),
        (zipped(**{"..\\evil.png": png()}), "outside"),
        (zipped(**{"C:/evil.png": png()}), "outside"),
        (zipped(**{"a/" * 20 + "deep.png": png()}), "too deep"),
        (zipped(**{"cells/bomb.png": bytes(30 * 2**20)}), "too large"),
        (zipped(**{"notes.txt": b"x"}), "no images"),
        (linked(), "no images"),
    ],
)
def test_what_is_no_folder_of_images_is_refused_and_leaves_nothing(tmp_path: Path, data: bytes, told: str) -> None:
    root = tmp_path / "root"
    with pytest.raises(InputError, match=told):
        unpack(data, root)
    assert not root.exists() or not list(root.iterdir())
    assert not (tmp_path / "evil.png").exists()


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_FILES", "MOST_BYTES"):
        with monkeypatch.context() as patched, pytest.raises(InputError, match="more than"):
            patched.setattr(archives, name, 3)
            unpack(zipped(**CELLS), tmp_path)


def test_a_file_larger_than_it_says_is_cut_short(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"cells/1.png": bytes(5000)}))
    place = data.rindex(b"PK\x01\x02") + 24  # the size in the directory at the end
    data[place : place + 4] = (100).to_bytes(4, "little")
    with pytest.raises(InputError):
        unpack(bytes(data), tmp_path)
    assert list(tmp_path.iterdir()) == []

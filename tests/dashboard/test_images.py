"""Uploads: bounded, followed, and told true classes from folders."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from PIL import Image
from PIL.Image import Exif

from dashboard import images
from dashboard.sidebar import camera_available
from dashboard.ui.html import png_bytes


@dataclass
class File:
    name: str
    data: bytes
    file_id: str

    def getvalue(self) -> bytes:
        return self.data


def picture(shade: int, exif: Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (shade, 100, 200)).save(buffer, "JPEG", exif=exif or Exif())
    return buffer.getvalue()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> images.UploadStore:
    store = images.UploadStore()
    monkeypatch.setattr(images, "store", lambda: store)
    monkeypatch.setattr(images, "decoded", images.decoded.__wrapped__)
    return store


def test_new_files_come_and_removed_ones_go(held: images.UploadStore) -> None:
    first, second = File("a.jpg", picture(1), "1"), File("b.jpg", picture(2), "2")
    assert len(images.take("files", [first, second])) == 2
    assert images.take("files", [first, second]) == []
    images.take("files", [second])
    assert [upload.name for upload in held.files.values()] == ["b.jpg"]


def test_a_widget_that_was_hidden_forgets_nothing(held: images.UploadStore) -> None:
    images.take("files", [File("a.jpg", picture(1), "1")])
    images.take("files", [])
    images.take("files", [File("b.jpg", picture(2), "2")])
    assert [upload.name for upload in held.files.values()] == ["a.jpg", "b.jpg"]


def test_a_duplicate_is_told_and_keeps_the_image_while_one_of_the_two_is_listed(held: images.UploadStore) -> None:
    first, second = File("a.jpg", picture(1), "1"), File("b.jpg", picture(1), "2")
    images.take("files", [first, second])
    (told,) = images.duplicates("files", [first, second])
    assert "“b.jpg”" in told and "“a.jpg”" in told
    images.take("files", [second])
    assert len(held.files) == 1
    assert images.duplicates("files", [second]) == []
    images.take("folder", [File("set/c.jpg", picture(1), "3"), File("set/d.jpg", picture(2), "4")])
    images.empty("files")
    assert len(held.files) == 2
    images.empty("folder")
    assert held.files == {}


def test_forgetting_all_begins_anew(held: images.UploadStore) -> None:
    mine = File("a.jpg", picture(1), "1")
    images.take("files", [mine])
    images.forget_all()
    assert (held.files, held.seen, held.round) == ({}, {}, 1)
    assert images.unseen("files", [mine])


def test_refusals_are_told_and_go_with_the_file(held: images.UploadStore) -> None:
    bad, good = File("bad.png", b"text", "1"), File("a.jpg", picture(1), "2")
    assert len(images.take("files", [bad, good])) == 1
    assert "bad.png" in images.refusals("files")[0]
    images.take("files", [good])
    assert images.refusals("files") == []


def test_a_session_is_bounded(held: images.UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_FILES", 2)
    images.take("files", [File(f"{i}.jpg", picture(10 * i), str(i)) for i in range(4)])
    assert len(held.files) == 2
    assert len(images.refusals("files")) == 2


def test_the_address_holds_a_hash_and_no_name(held: images.UploadStore) -> None:
    (key,) = images.take("files", [File("patient-name.jpg", picture(1), "1")])
    assert "patient" not in key
    subject = images.subject_of(key)
    assert subject is not None
    assert subject.title == "patient-name.jpg"
    assert images.subject_of("upload-0000000000000000") is None


def test_exported_pictures_carry_no_metadata(held: images.UploadStore) -> None:
    exif = Exif()
    exif[0x010F] = "secret camera"
    (key,) = images.take("files", [File("a.jpg", picture(1, exif), "1")])
    subject = images.subject_of(key)
    assert subject is not None
    assert b"secret camera" not in png_bytes(subject.rgb)


@pytest.mark.parametrize(
    ("name", "label"),
    [("set/neutrophil/1.png", "neutrophil"), ("Monocyte/2.png", "monocyte"), ("3.png", None), ("other/4.png", None)],
)
def test_folders_tell_the_class(name: str, label: str | None) -> None:
    assert images.label_of(name) == label


@pytest.mark.parametrize(
    ("url", "available"),
    [
        ("https://lab.example/leukolens", True),
        ("http://localhost:8501/", True),
        ("http://127.0.0.1:8501", True),
        ("http://192.0.2.7:8501", False),
        (None, False),
    ],
)
def test_the_camera_needs_https_or_this_machine(url: str | None, available: bool) -> None:
    assert camera_available(url) is available

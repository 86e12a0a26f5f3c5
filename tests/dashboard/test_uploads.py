"""Uploads: bounded, followed, and told true classes from folders."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from PIL import Image
from PIL.Image import Exif

from dashboard import uploads
from dashboard.intake import camera_available
from dashboard.pictures import png_bytes


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
def held(monkeypatch: pytest.MonkeyPatch) -> uploads.Store:
    store = uploads.Store()
    monkeypatch.setattr(uploads, "store", lambda: store)
    monkeypatch.setattr(uploads, "decoded", uploads.decoded.__wrapped__)
    return store


def test_new_files_come_and_removed_ones_go(held: uploads.Store) -> None:
    first, second = File("a.jpg", picture(1), "1"), File("b.jpg", picture(2), "2")
    assert len(uploads.take("files", [first, second])) == 2
    assert uploads.take("files", [first, second]) == []
    uploads.take("files", [second])
    assert [upload.name for upload in held.files.values()] == ["b.jpg"]


def test_a_widget_that_was_hidden_forgets_nothing(held: uploads.Store) -> None:
    uploads.take("files", [File("a.jpg", picture(1), "1")])
    uploads.take("files", [])
    uploads.take("files", [File("b.jpg", picture(2), "2")])
    assert [upload.name for upload in held.files.values()] == ["a.jpg", "b.jpg"]


def test_a_duplicate_is_told_and_keeps_the_image_while_one_of_the_two_is_listed(held: uploads.Store) -> None:
    first, second = File("a.jpg", picture(1), "1"), File("b.jpg", picture(1), "2")
    uploads.take("files", [first, second])
    (told,) = uploads.duplicates("files", [first, second])
    assert "“b.jpg”" in told and "“a.jpg”" in told
    uploads.take("files", [second])
    assert len(held.files) == 1
    assert uploads.duplicates("files", [second]) == []
    uploads.take("folder", [File("set/c.jpg", picture(1), "3"), File("set/d.jpg", picture(2), "4")])
    uploads.empty("files")
    assert len(held.files) == 2
    uploads.empty("folder")
    assert held.files == {}


def test_forgetting_all_begins_anew(held: uploads.Store) -> None:
    mine = File("a.jpg", picture(1), "1")
    uploads.take("files", [mine])
    uploads.forget_all()
    assert (held.files, held.seen, held.round) == ({}, {}, 1)
    assert uploads.unseen("files", [mine])


def test_refusals_are_told_and_go_with_the_file(held: uploads.Store) -> None:
    bad, good = File("bad.png", b"text", "1"), File("a.jpg", picture(1), "2")
    assert len(uploads.take("files", [bad, good])) == 1
    assert "bad.png" in uploads.refusals("files")[0]
    uploads.take("files", [good])
    assert uploads.refusals("files") == []


def test_a_session_is_bounded(held: uploads.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    uploads.take("files", [File(f"{i}.jpg", picture(10 * i), str(i)) for i in range(4)])
    assert len(held.files) == 2
    assert len(uploads.refusals("files")) == 2


def test_the_address_holds_a_hash_and_no_name(held: uploads.Store) -> None:
    (key,) = uploads.take("files", [File("patient-name.jpg", picture(1), "1")])
    assert "patient" not in key
    subject = uploads.subject_of(key)
    assert subject is not None
    assert subject.title == "patient-name.jpg"
    assert uploads.subject_of("upload-0000000000000000") is None


def test_exported_pictures_carry_no_metadata(held: uploads.Store) -> None:
    exif = Exif()
    exif[0x010F] = "secret camera"
    (key,) = uploads.take("files", [File("a.jpg", picture(1, exif), "1")])
    subject = uploads.subject_of(key)
    assert subject is not None
    assert b"secret camera" not in png_bytes(subject.rgb)


@pytest.mark.parametrize(
    ("name", "label"),
    [("set/neutrophil/1.png", "neutrophil"), ("Monocyte/2.png", "monocyte"), ("3.png", None), ("other/4.png", None)],
)
def test_folders_tell_the_class(name: str, label: str | None) -> None:
    assert uploads.label_of(name) == label


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

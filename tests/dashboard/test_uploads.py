"""Uploads: bounded, followed, and told true classes from folders."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from PIL import Image
from PIL.Image import Exif

from dashboard import images, uploads
from dashboard.toolbar import camera_available
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
def held(monkeypatch: pytest.MonkeyPatch) -> uploads.UploadStore:
    store = uploads.UploadStore()
    for module in (images, uploads):
        monkeypatch.setattr(module, "store", lambda: store)
        monkeypatch.setattr(module, "decoded", uploads.decoded.__wrapped__)
    monkeypatch.setattr(images, "_cells", lambda *_: ())
    monkeypatch.setattr(images, "told", lambda _: False)
    return store


def test_new_files_stay_when_others_come(held: uploads.UploadStore) -> None:
    assert len(uploads.take([File("a.jpg", picture(1), "1")])) == 1
    assert len(uploads.take([File("b.jpg", picture(2), "2"), File("c.jpg", picture(3), "3")])) == 2
    assert [(upload.name, upload.number) for upload in held.files.values()] == [
        ("a.jpg", 1),
        ("b.jpg", 2),
        ("c.jpg", 3),
    ]


def test_a_duplicate_is_told_and_shown_once(held: uploads.UploadStore) -> None:
    assert len(uploads.take([File("a.jpg", picture(1), "1"), File("b.jpg", picture(1), "2")])) == 1
    (told,) = held.repeated
    assert "the same bytes as Picture 1" in told and ".jpg" not in told


def test_forgetting_all_begins_anew(held: uploads.UploadStore) -> None:
    uploads.take([File("a.jpg", picture(1), "1")])
    before = held.round
    held.forget()
    assert (held.files, held.size, held.round) == ({}, 0, before + 1)


def test_what_is_refused_is_told_and_not_kept(held: uploads.UploadStore) -> None:
    assert len(uploads.take([File("bad.png", b"text", "1"), File("a.jpg", picture(2), "2")])) == 1
    assert "bad.png" in held.refused[0]
    assert [upload.name for upload in held.files.values()] == ["a.jpg"]
    uploads.take([File("b.jpg", picture(3), "3")])
    assert held.refused == []


def test_a_browser_is_bounded(held: uploads.UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    uploads.take([File(f"{i}.jpg", picture(10 * i), str(i)) for i in range(4)])
    assert len(held.files) == 2
    assert len(held.refused) == 2


def test_the_server_lets_go_of_its_own_copies(held: uploads.UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit keeps what a browser sent until its session ends: "forget" would free nothing."""
    gone: list[tuple[str, str]] = []
    manager = SimpleNamespace(remove_file=lambda session, file: gone.append((session, file)))
    context = SimpleNamespace(uploaded_file_mgr=manager, session_id="s")
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: context)
    uploads.take([File("a.jpg", picture(1), "1"), File("bad.png", b"text", "2")])
    assert gone == [("s", "1"), ("s", "2")]


def test_few_images_are_decoded_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def slow(data: bytes, name: str) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return name

    monkeypatch.setattr(uploads, "decode", slow)
    threads = [threading.Thread(target=uploads.decoded.__wrapped__, args=(str(n), "a.png", b"")) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most <= uploads.AT_ONCE


def masked_cookie(token: bytes, mask: bytes) -> str:
    """A cookie as Tornado and Streamlit write it: the token under a mask that changes with every page."""
    masked = bytes(byte ^ mask[place % len(mask)] for place, byte in enumerate(token))
    return f"2|{mask.hex()}|{masked.hex()}|1795739576"


def test_a_browser_is_known_again_by_its_cookie_whatever_its_mask() -> None:
    token = bytes(range(16))
    first, again = (uploads.browser_token(masked_cookie(token, mask)) for mask in (b"\x01\x02\x03\x04", b"wxyz"))
    assert first == again is not None
    assert uploads.browser_token(masked_cookie(bytes(16), b"wxyz")) != first
    assert token.hex() not in str(first)


@pytest.mark.parametrize("cookie", [None, "", "2|zz|00|1", "1|00|00|1", "2||00|1", "2|00|00|1", "2|00|00", "x" * 5000])
def test_a_cookie_that_says_nothing_names_no_browser(cookie: str | None) -> None:
    assert uploads.browser_token(cookie) is None


def test_the_shelf_keeps_each_browsers_images_and_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, clock = uploads.Shelf(), [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(uploads, "MOST_OF_ALL", 100)
    mine = shelf.of("mine")
    mine.files["upload-1"] = uploads.Upload("a.jpg", bytes(60), 1)
    assert shelf.of("mine") is mine and shelf.of("other").files == {}
    shelf.of("other").files["upload-2"] = uploads.Upload("b.jpg", bytes(60), 1)
    assert shelf.of("other").files and shelf.of("mine").files == {}
    monkeypatch.setattr(uploads, "MOST_BROWSERS", 3)
    for number in range(9):
        shelf.of(f"visitor-{number}")
    assert len(shelf) == 3
    monkeypatch.undo()
    monkeypatch.setattr(uploads.time, "monotonic", lambda: clock[0])
    shelf.of("other").files["upload-2"] = uploads.Upload("b.jpg", bytes(60), 1)
    clock[0] = uploads.IDLE + 1
    assert shelf.of("third").files == {} and shelf.of("other").files == {}


def test_the_address_holds_a_hash_and_the_page_no_name_until_it_is_told(
    held: uploads.UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = uploads.take([File("patient-name.jpg", picture(1), "1")])
    assert "patient" not in key
    subject = images.subject_of(key)
    assert subject is not None
    assert subject.title == "Picture 1"
    monkeypatch.setattr(images, "told", lambda _: True)
    subject = images.subject_of(key)
    assert subject is not None and subject.title == "patient-name.jpg"
    assert images.subject_of("upload-0000000000000000") is None


def test_exported_pictures_carry_no_metadata(held: uploads.UploadStore) -> None:
    exif = Exif()
    exif[0x010F] = "secret camera"
    (key,) = uploads.take([File("a.jpg", picture(1, exif), "1")])
    subject = images.subject_of(key)
    assert subject is not None
    assert b"secret camera" not in png_bytes(subject.rgb)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("set/neutrophil/1.png", "neutrophil"),
        ("Monocyte/2.png", "monocyte"),
        ("NEU/5.png", "neutrophil"),
        ("3.png", None),
        ("other/4.png", None),
    ],
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

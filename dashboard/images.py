"""The images of a session: uploads (kept in memory, bounded, never written to disk or to a log), the simulated gallery,
and which image the page is about."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.classes import CLASSES
from core.decoding import DecodedImage, decode
from core.errors import InputError
from core.simulation import gallery
from dashboard import state
from dashboard.ui.html import data_address

STORE = "uploads"
MOST_FILES, MOST_BYTES = 100, 200 * 2**20
PREFIX = "upload-"
HASH_DIGITS = 16
THUMBNAIL = 112
ORDER_SEED = 7
FIRST = "cell-1"


@dataclass(frozen=True)
class Subject:
    """An image and what is known of it.

    `key` names it in the address, `title` on the page, `rgb` is (H, W, 3) uint8, `sha256` the content's hash,
    `label` the true class where it is known, `notes` sentences for the reader.
    """

    key: str
    title: str
    rgb: NDArray[np.uint8]
    sha256: str
    simulated: bool
    label: str | None
    detail: str
    notes: tuple[str, ...] = ()

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told; the class stays out, for a student is to find it."""
        return f"{self.title}: a stained blood smear, {self.rgb.shape[1]} by {self.rgb.shape[0]} pixels"


class Incoming(Protocol):
    """A file as the browser hands it over."""

    name: str
    file_id: str

    def getvalue(self) -> bytes:
        """Return the file's bytes."""


@dataclass(frozen=True)
class Upload:
    """One file as it came: `name` with the folders that the browser gave, `data` its bytes."""

    name: str
    data: bytes


@dataclass
class UploadStore:
    """A session's uploads by key, in the order they came.

    `seen` holds, for each source, the files last listed by its widget: identifier -> key, or None where refused;
    `refused` says what was wrong with those. `round` counts how often all were forgotten: the widgets' keys carry it,
    so that those begin anew.
    """

    files: dict[str, Upload] = field(default_factory=dict)
    seen: dict[str, dict[str, str | None]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    round: int = 0


def store() -> UploadStore:
    """Return this session's uploads."""
    return st.session_state.setdefault(STORE, UploadStore())


def key_of(data: bytes) -> str:
    """Return what stands for these bytes in the address: the start of their SHA-256 hash."""
    return PREFIX + hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def unseen(source: str, listed: Sequence[Incoming]) -> bool:
    """Tell whether the widget lists a file that was not taken yet."""
    return any(file.file_id not in store().seen.get(source, {}) for file in listed)


def take(source: str, listed: Sequence[Incoming]) -> list[str]:
    """Follow the widget of `source`: keep its new files, forget those taken off its list.

    Returns the keys of the new files that can be read. A widget that lists nothing (it was hidden meanwhile) forgets
    nothing; see `empty` for one whose last file was taken off.
    """
    held = store()
    before = held.seen.get(source, {})
    now = {file.file_id for file in listed}
    new = {file.file_id: _keep(held, file) for file in listed if file.file_id not in before}
    held.seen[source] = {**{i: key for i, key in before.items() if i in now}, **new}
    if listed:
        _drop(held, {i: key for i, key in before.items() if i not in now})
    return [key for key in new.values() if key]


def empty(source: str) -> None:
    """Forget the files that the widget of `source` listed: the reader took the last one off."""
    held = store()
    _drop(held, held.seen.pop(source, {}))


def duplicates(source: str, listed: Sequence[Incoming]) -> list[str]:
    """Return a sentence for each file on the list of `source` that holds the same bytes as one before it."""
    first: dict[str, str] = {}
    told = []
    for file in listed:
        key = store().seen.get(source, {}).get(file.file_id)
        if key in first:
            told.append(f"“{file.name}” holds the same bytes as “{first[key]}”: it is shown once.")
        elif key is not None:
            first[key] = file.name
    return told


def refusals(source: str) -> list[str]:
    """Return what was wrong with the files that the widget of `source` lists."""
    held = store()
    return [held.refused[i] for i in held.seen.get(source, {}) if i in held.refused]


def forget_all() -> None:
    """Drop every upload of this session, from the widgets' lists too."""
    held = store()
    held.files.clear()
    held.seen.clear()
    held.refused.clear()
    held.round += 1


def _drop(held: UploadStore, gone: dict[str, str | None]) -> None:
    """Forget files taken off a list, but not an image that another file on a list still brings."""
    listed = {key for files in held.seen.values() for key in files.values()}
    for identifier, key in gone.items():
        held.refused.pop(identifier, None)
        if key is not None and key not in listed:
            held.files.pop(key, None)


def _keep(held: UploadStore, file: Incoming) -> str | None:
    upload = Upload(file.name, file.getvalue())
    key = key_of(upload.data)
    try:
        if key not in held.files:
            _check_room(held, upload)
            decoded(key, upload.name, upload.data)
            held.files[key] = upload
    except InputError as error:
        held.refused[file.file_id] = str(error)
        return None
    return key


def _check_room(held: UploadStore, upload: Upload) -> None:
    size = sum(len(other.data) for other in held.files.values()) + len(upload.data)
    if len(held.files) >= MOST_FILES or size > MOST_BYTES:
        raise InputError(
            f"“{upload.name}” was left out: a session holds at most {MOST_FILES} images and "
            f"{MOST_BYTES // 2**20} MB. Forget some, or use `python -m core predict` for whole folders."
        )


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def decoded(key: str, name: str, _data: bytes) -> DecodedImage:
    """Decode an upload, the last eight kept; InputError if it is no usable image."""
    return decode(_data, PurePosixPath(name).name)


def subject_of(key: str) -> Subject | None:
    """Return the upload `key` as an image to look at; None where this session does not hold it."""
    upload = store().files.get(key)
    if upload is None:
        return None
    image = decoded(key, upload.name, upload.data)
    height, width = image.rgb.shape[:2]
    return Subject(
        key=key,
        title=PurePosixPath(upload.name).name,
        rgb=image.rgb,
        sha256=image.sha256,
        simulated=False,
        label=label_of(upload.name),
        detail=f"{width} × {height} px, {image.format}, {image.bit_depth} bit a channel",
        notes=image.notes,
    )


def label_of(name: str) -> str | None:
    """Return the true class where the file lies in a folder named after one: `neutrophil/1.png`."""
    folder = PurePosixPath(name).parent.name.lower()
    return folder if folder in CLASSES else None


@st.cache_resource(show_spinner=False, max_entries=1)
def gallery_subjects() -> dict[str, Subject]:
    """Draw the gallery once for all sessions: `cell-1` to `cell-10`, shuffled in one fixed way."""
    cells = list(gallery())
    random.Random(ORDER_SEED).shuffle(cells)
    subjects = {}
    for number, entry in enumerate(cells, start=1):
        rgb = entry.cell().image
        rgb.setflags(write=False)
        subjects[f"cell-{number}"] = Subject(
            key=f"cell-{number}",
            title=f"Simulated cell {number}",
            rgb=rgb,
            sha256=hashlib.sha256(rgb.tobytes()).hexdigest(),
            simulated=True,
            label=entry.label,
            detail=f"{rgb.shape[1]} × {rgb.shape[0]} px, drawn by this software",
        )
    return subjects


@st.cache_data(show_spinner=False, max_entries=1)
def _thumbnails() -> dict[str, str]:
    return {key: data_address(subject.rgb, THUMBNAIL) for key, subject in gallery_subjects().items()}


def pick_from_gallery() -> None:
    """Show the gallery as a row of pictures to choose from; with the truth switched on, each says its class."""
    subjects, thumbnails, truth = gallery_subjects(), _thumbnails(), state.get("truth")

    def label(key: str) -> str:
        picture = f"![{subjects[key].title}]({thumbnails[key]})"
        return f"{picture} {subjects[key].label}" if truth else picture

    with st.container(key="gallery"):
        st.pills(
            "Simulated cells: drawn by this software, not photographs",
            list(subjects),
            format_func=label,
            help="Each is drawn from the textbook description of its class. Real cells can be uploaded in the sidebar.",
            **state.bound("image", to_widget=lambda key: key if key in subjects else None),
        )


@dataclass(frozen=True)
class Chosen:
    """The image to show, and a message where it is not the one that was asked for."""

    subject: Subject
    message: str | None = None


def chosen_image() -> Chosen:
    """Return the image of the choice `image`, or the first gallery cell and why it stands in."""
    key = state.get("image")
    subjects = gallery_subjects()
    if key in subjects:
        return Chosen(subjects[key], state.problem("image"))
    upload = subject_of(key)
    if upload is not None:
        return Chosen(upload)
    stand_in = subjects[FIRST]
    if key.startswith(PREFIX):
        message = (
            f"This link is about an uploaded image (its fingerprint starts with "
            f"{key.removeprefix(PREFIX)[:8]}). Images do not travel in links: upload that file in the sidebar "
            f"to see it here. Until then, this is {stand_in.title.lower()}."
        )
    else:
        message = (
            f"The address asks for the image “{key}”, which is not in the gallery. This is {stand_in.title.lower()}."
        )
    return Chosen(stand_in, message)

"""Which image a page is about: a cell of the simulated gallery, an upload, or one of the cells that an upload shows."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.preprocessing.cells import CellPlace, find_cells, is_field, largest_of, most_central, window
from core.simulation import gallery
from dashboard import state
from dashboard.truth import revealed, told
from dashboard.ui.html import data_address
from dashboard.uploads import PREFIX, Upload, decoded, store
from dashboard.url import CENTRAL, LARGEST

THUMBNAIL = 112
ORDER_SEED = 7
FIRST = "cell-1"


@dataclass(frozen=True)
class Field:
    """A whole picture `rgb` `(H, W, 3) uint8` that shows several `cells`; `chosen` is the index of that looked at."""

    rgb: NDArray[np.uint8]
    cells: tuple[CellPlace, ...]
    chosen: int


@dataclass(frozen=True)
class Subject:
    """An image and what is known of it.

    `key` names it in the address, `title` on the page, `rgb` is (H, W, 3) uint8, `sha256` the content's hash,
    `label` the true class where it is known, `notes` sentences for the reader. One cell of several is an image of its
    own, the window around it, and `field` is the picture that it comes from.
    """

    key: str
    title: str
    rgb: NDArray[np.uint8]
    sha256: str
    simulated: bool
    label: str | None
    detail: str
    notes: tuple[str, ...] = ()
    field: Field | None = None

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told; the class stays out, for a student is to find it."""
        return f"{self.title}: a stained blood smear, {self.rgb.shape[1]} by {self.rgb.shape[0]} pixels"


def subject_of(key: str, pick: str = CENTRAL) -> Subject | None:
    """Return the upload `key`, or the cell `pick` of it; None where this browser brought none of that key."""
    upload = store().files.get(key)
    if upload is None:
        return None
    image = decoded(key, upload.name, upload.data)
    height, width = image.rgb.shape[:2]
    whole = Subject(
        key=key,
        title=upload_title(key, upload),
        rgb=image.rgb,
        sha256=image.sha256,
        simulated=False,
        label=upload.label,
        detail=f"{width} × {height} px, {image.format}, {image.bit_depth} bit a channel",
        notes=image.notes,
    )
    cells = _cells(image.sha256, image.rgb)
    return whole if len(cells) < 2 else _one_cell(whole, cells, pick)


def upload_title(key: str, upload: Upload) -> str:
    """Return how an upload is called: by its number, for names often tell the class; by its path once that is told."""
    return upload.name if told(key) else f"Picture {upload.number}"


@st.cache_resource(show_spinner=False, max_entries=100, scope="session")
def _cells(sha256: str, _rgb: NDArray[np.uint8]) -> tuple[CellPlace, ...]:
    return find_cells(_rgb) if is_field(_rgb.shape) else ()


def _one_cell(whole: Subject, cells: tuple[CellPlace, ...], pick: str) -> Subject:
    chosen = _index(cells, whole.rgb.shape, pick)
    box = cells[chosen].box
    return replace(
        whole,
        title=f"{whole.title}, cell {chosen + 1} of {len(cells)}",
        rgb=window(whole.rgb, cells[chosen]),
        sha256=hashlib.sha256(f"{whole.sha256} {box}".encode()).hexdigest(),
        field=Field(whole.rgb, cells, chosen),
    )


def _index(cells: tuple[CellPlace, ...], shape: tuple[int, ...], pick: str) -> int:
    """The index that a choice stands for; a number that there is no cell for stands for the most central."""
    if pick.isdigit() and 1 <= int(pick) <= len(cells):
        return int(pick) - 1
    return largest_of(cells) if pick == LARGEST else most_central(cells, shape)


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
    """Show the gallery as a row of pictures to choose from; one whose class was revealed says it."""
    subjects, thumbnails = gallery_subjects(), _thumbnails()

    def label(key: str) -> str:
        picture = f"![{subjects[key].title}]({thumbnails[key]})"
        return f"{picture} {subjects[key].label}" if key in revealed() else picture

    with st.container(key="gallery", horizontal=True, vertical_alignment="center", gap="small"):
        st.pills(
            "Simulated cells: drawn by this software, not photographs",
            list(subjects),
            format_func=label,
            label_visibility="collapsed",
            **state.bound("image", to_widget=lambda key: key if key in subjects else None),
        )
        st.html(
            '<p class="ll-caption">Simulated cells, drawn by this software; not photographs. Bring real ones with '
            "“Upload”.</p>",
            width=300,
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
    upload = subject_of(key, state.get("pick"))
    if upload is not None:
        return Chosen(upload)
    stand_in = subjects[FIRST]
    if key.startswith(PREFIX):
        message = (
            f"This link is about an uploaded image (its fingerprint starts with "
            f"{key.removeprefix(PREFIX)[:8]}). Images do not travel in links: upload that file to see it "
            f"here. Until then, this is {stand_in.title.lower()}."
        )
    else:
        message = (
            f"The address asks for the image “{key}”, which is not in the gallery. This is {stand_in.title.lower()}."
        )
    return Chosen(stand_in, message)

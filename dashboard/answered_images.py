"""Images that a model answered (a cell of a matrix, a point of a curve, a finding of an audit),
where their folder is at hand: thumbnails, each a click from Compare and Explain."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from core.decoding import MAX_BYTES, read_image
from core.errors import InputError
from core.evaluation.predictions import image_folders, places_of
from core.files import read_plain
from dashboard import state, uploads
from dashboard.access import is_open
from dashboard.ui.format import percent
from dashboard.ui.html import fitted, png_bytes, squared

AT_ONCE = 24
SIDE = 150
FOLDER = "evaluation-folder"  # what was entered in any place of a page; it outlives visits to other pages
VARIABLE = "LEUKOLENS_DATA"


@dataclass(frozen=True)
class AnsweredImage:
    """One answer: which image, a probability, the start of its file's hash ("" if not kept), true class and answer;
    `said` are words of its own, such as what two models call it.
    """

    image: str
    sure: float
    digest: str
    true: str
    named: str
    said: str = ""

    @property
    def told(self) -> str:
        """What it is called, and what it is where that differs."""
        if self.said:
            return self.said
        return self.named if self.true == self.named else f"{self.named}, truly {self.true}"


def show_images(
    model: str,
    tested_on: str,
    sentence: str,
    found: Sequence[AnsweredImage],
    place: str,
    choice: str,
    folder: Path | None = None,
) -> None:
    """Say what was found, and show its images where their `folder` is at hand (None: it is asked for).

    `tested_on` says what the model's images are, `place` names the part of the page, `choice` tells one choice there
    from another.
    """
    st.html(f'<p class="ll-sentence">{escape(sentence)}</p>')
    if not found:
        return
    folder = folder or _folder(place)
    if folder is None:
        return
    part = _page(found, f"{place}-{model}-{choice}")
    folders = _folders(str(folder))
    with st.spinner("Reading the images"):
        grid = st.grid("auto", min_column_width=SIDE - 20, gap=12, key=f"{place}-images")
        shown = []
        for number, case in enumerate(part):
            with grid.cell():
                shown.append(_show(case, folders, f"{place}-{number}"))
    if not any(shown):
        st.info(
            f"None of these images lies in {folder}: it is another set, or laid out in other folders. The model was "
            f"tested on {tested_on}.",
            icon=":material/image_not_supported:",
        )


def _folder(place: str) -> Path | None:
    """The folder of the images, asked for where it is not known; None with a sentence where there is none.

    Only who may start work on the server may name a folder there; others see the one that its owner has named.
    """
    key = f"{FOLDER}-{place}"
    if is_open():
        text = _asked_folder(key)
    else:
        text = os.environ.get(VARIABLE, "")
        if not text:
            st.info(
                "The images are not at hand: whoever runs the server can name their folder with "
                f"`{VARIABLE}=/path/to/data`. A folder can be entered here where server and browser are one machine.",
                icon=":material/lock:",
            )
            return None
    if not text:
        st.info(
            "The images are not at hand. Name their folder above, or start the dashboard with "
            f"`{VARIABLE}=/path/to/data`, to see them.",
            icon=":material/folder_open:",
        )
        return None
    return _checked_folder(text)


def _asked_folder(key: str) -> str:
    st.session_state[key] = st.session_state.setdefault(FOLDER, os.environ.get(VARIABLE, ""))
    return st.text_input(
        "Folder of the images on the server",
        placeholder="/path/to/data",
        max_chars=1000,
        key=key,
        on_change=_take_folder,
        args=(key,),
        help=f"The folder that the data sets lie in, on the machine that runs the dashboard; {VARIABLE} names it for "
        "good. Only images that the model was tested on are shown, and nothing is copied.",
    ).strip()


def _checked_folder(text: str) -> Path | None:
    """The folder that `text` means; None with a sentence for none, and for a whole disk."""
    try:
        folder = Path(text).expanduser()
        there, whole = folder.is_dir(), folder.resolve() == Path(folder.resolve().anchor)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no user of that name, or a link in circles
        there, whole = False, False
    if not there:
        st.warning("There is no such folder on this server. Check the path.", icon=":material/folder_off:")
        return None
    if whole:
        st.warning("That is a whole disk. Name the folder that the data sets lie in.", icon=":material/folder_off:")
        return None
    return folder


def _take_folder(key: str) -> None:
    st.session_state[FOLDER] = st.session_state[key]


def _page(found: Sequence[AnsweredImage], key: str) -> Sequence[AnsweredImage]:
    if len(found) <= AT_ONCE:
        return found
    pages = -(-len(found) // AT_ONCE)
    number = st.number_input(
        f"Page (of {pages}, {AT_ONCE} images each, the surest answers first)", 1, pages, 1, width=330, key=f"page-{key}"
    )
    return found[AT_ONCE * (number - 1) : AT_ONCE * number]


@st.cache_data(show_spinner=False, max_entries=4, ttl=300)
def _folders(root: str) -> dict[str, tuple[Path, ...]]:
    return image_folders(Path(root))


def _show(case: AnsweredImage, folders: dict[str, tuple[Path, ...]], key: str) -> bool:
    found = _picture(case, folders)
    if found is None:
        st.html(f'<div class="ll-waiting">not found: {escape(case.image)}</div>')
    else:
        st.image(found[1], width="stretch", alt=f"{case.image}, {percent(case.sure)} sure")
    st.html(f'<p class="ll-caption ll-file">{escape(case.image)}<br>{escape(case.told)}, {percent(case.sure)}</p>')
    if found is not None:
        with st.container(horizontal=True, gap="xsmall"):
            for page in ("compare", "explain"):
                if st.button(page.capitalize(), key=f"{page}-{key}", type="tertiary"):
                    _open(found[0], case, page)
    return found is not None


def _open(place: Path, case: AnsweredImage, page: str) -> None:
    """Go to a page with this image, which joins the visitor's own pictures under its true class."""
    try:
        key = uploads.add(f"{case.true}/{place.name}", read_plain(place, MAX_BYTES))
    except (OSError, InputError) as error:
        st.warning(str(error), icon=":material/block:")
        return
    state.put("image", key)
    state.reset("pick")
    st.switch_page(f"../pages/{page}.py")


def _picture(case: AnsweredImage, folders: dict[str, tuple[Path, ...]]) -> tuple[Path, bytes] | None:
    """The image's file and a thumbnail, by its hash where that was kept, else the first file of that name."""
    for place in places_of(case.image, folders):
        try:
            facts = place.stat()
            sha256, thumbnail = _thumbnail(str(place), facts.st_mtime_ns, facts.st_size)
        except (OSError, InputError):
            continue
        if not case.digest or sha256.startswith(case.digest):
            return place, thumbnail
    return None


@st.cache_data(show_spinner=False, max_entries=400)
def _thumbnail(path: str, changed_ns: int, size: int) -> tuple[str, bytes]:
    image = read_image(Path(path))
    return image.sha256, png_bytes(fitted(squared(image.rgb), SIDE))

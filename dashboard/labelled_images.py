"""Naming labelled images on the server, to train on or to audit with: a path or a zip file, and what is found there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.data.archives import unpack
from core.data.datasets import KINDS, Dataset, found_sets, read_data
from core.data.known_sets import KNOWN, recognised
from core.errors import InputError
from core.runs.directory import default_runs
from dashboard.state import kept, kept_option, recall, remember
from dashboard.ui.format import quoted

OTHER_KINDS = {"auto": "Found out by itself", "folder": "A folder of class folders", "csv": "A CSV of path and label"}

ZIP, ZIP_UPLOADER = "zip", "training-zip-file"

UNPACKED = ".zips"  # beside the runs, and no run itself

LARGEST_ZIP_MB = 300


@dataclass(frozen=True)
class Images:
    """A place with labelled images: `data` as read there, None (with a `fault`) where it cannot be used.

    `undecided` where nothing is wrong but a choice is open.
    """

    place: str
    kind: str
    data: Dataset | None
    fault: str = ""
    undecided: bool = False


def choose_images() -> Images | None:
    """Let the reader name a place on the server; None where none is named yet."""
    left, right = st.columns([1.6, 1])
    with left:
        place = st.text_input(
            "Images: path on the server",
            placeholder="/data/cells",
            help="A folder of class folders (neutrophil, lymphocyte, …, also within train, val and test), a CSV with "
            "the columns path and label, a known set's own folder, or the folder that holds known sets.",
            **kept("place", os.environ.get("LEUKOLENS_DATA", "")),
        ).strip()
    with right:
        kind = st.selectbox("Read as", list(KINDS), format_func=_kind_title, **kept_option("kind", list(KINDS), "auto"))
    unpacked = _unpacked_zip()
    place = place if unpacked is None else unpacked
    if not place:
        st.info(
            "Name the folder of your images. To try it out, `python -m core samples --out cells` draws simulated ones.",
            icon=":material/folder_open:",
        )
        return None
    return _found(place, kind)


def _unpacked_zip() -> str | None:
    """Take a zip file of images; returns the folder that it was unpacked into, None without one."""
    file = st.file_uploader(
        "Or a zip file of class folders",
        type=["zip"],
        max_upload_size=LARGEST_ZIP_MB,
        key=ZIP_UPLOADER,
        on_change=_take_zip,
        help="Images and CSV files in it are unpacked beside the runs, in a folder that is named after its hash, and "
        "stay there until somebody deletes it.",
    )
    folder, fault = recall(ZIP, ("", ""))
    if fault:
        st.error(quoted(fault), icon=":material/folder_zip:")
    if folder and file is None:
        st.caption("The images are those of the zip file that was uploaded before.")
        st.button("Use the path instead", key="zip-off", type="tertiary", on_click=remember, args=(ZIP, ("", "")))
    return folder or None


def _take_zip() -> None:
    """Unpack the file that was uploaded; forget the one that was taken away."""
    file = st.session_state[ZIP_UPLOADER]
    if file is None:
        remember(ZIP, ("", ""))
        return
    try:
        remember(ZIP, (str(unpack(file.getvalue(), default_runs() / UNPACKED)), ""))
    except InputError as error:
        remember(ZIP, ("", str(error)))


def _kind_title(name: str) -> str:
    return OTHER_KINDS.get(name) or f"Known set: {KNOWN[name].title}"


def _found(place: str, kind: str) -> Images:
    path = Path(place).expanduser()
    if not place.isprintable() or not path.is_absolute():
        return Images(place, kind, None, "The path must begin at the root of the server's disk, such as /data/cells.")
    try:
        with st.spinner("Looking at the images"):
            return Images(str(path), kind, _read(str(path), kind))
    except InputError as error:
        sets = found_sets(path) if kind == "auto" and recognised(path) is None else {}
        if len(sets) > 1:
            titles = "; ".join(KNOWN[name].title for name in sets)
            told = f"This folder holds several known sets: {titles}. Choose one under “Read as”."
            return Images(str(path), kind, None, told, undecided=True)
        there = os.path.exists(path)  # noqa: PTH110 — Path.exists raises for names that no file can have
        return Images(str(path), kind, None, str(error) if there else f"The path {path} does not exist on the server.")


@st.cache_data(show_spinner=False, max_entries=4, ttl=120)
def _read(place: str, kind: str) -> Dataset:
    return read_data(Path(place), kind)

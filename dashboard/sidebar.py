"""What stands around every page: where images come in (files, a folder, the camera, the gallery), the shared controls,
and forgetting what a session's own pictures led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.decoding import MAX_BYTES, SUFFIXES
from core.preprocessing.framing import FRAMINGS
from dashboard import answers, images, state
from dashboard.answers import framing_title
from dashboard.explain.controls import forget_mask
from dashboard.explain.jobs import visit
from dashboard.explain.rendering import forget_drawn_maps, forget_outlines
from dashboard.explain.scoring import forget_checks
from dashboard.explain.verification import forget_references
from dashboard.images import pick_from_gallery
from dashboard.models import choose_models
from dashboard.url import TRAINED

LIMIT_MB = MAX_BYTES // 2**20
LOCAL = {"localhost", "127.0.0.1", "::1"}
SOURCES = {"files": "Files", "folder": "Folder", "camera": "Camera"}


def forget_explanations() -> None:
    """Stop this session's work and drop all that it found out about private pictures."""
    visit().leave()
    forget_drawn_maps()
    forget_outlines()
    forget_checks()
    forget_references()
    forget_mask()


def take_images() -> None:
    """Show the ways to bring images in, what was refused, and which of the uploads is looked at."""
    source = st.segmented_control(
        "Your own image",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        default="files",
        required=True,
        key="intake-source",
        help="Images stay in the server's memory for this session: they are not stored and not logged. "
        "In a folder, subfolders named after a class (neutrophil, …) tell the true class.",
    )
    listed = _camera() if source == "camera" else _file_list(source or "files")
    if images.unseen(source or "files", listed):
        with st.spinner("Reading the images"):
            new = images.take(source or "files", listed)
        _look_at(new)
    else:
        images.take(source or "files", listed)
    for message in images.refusals(source or "files")[:5]:
        st.error(message, icon=":material/block:")
    for message in images.duplicates(source or "files", listed)[:5]:
        st.info(message, icon=":material/content_copy:")
    _choose_upload()


def _file_list(source: str) -> Sequence[Any]:
    suffixes = [suffix.lstrip(".") for group in SUFFIXES.values() for suffix in group]
    folder, key = source == "folder", f"intake-{source}-{images.store().round}"
    return st.file_uploader(
        "PNG, JPEG, BMP, TIFF or WebP",
        type=suffixes if folder else None,
        accept_multiple_files="directory" if folder else True,
        max_upload_size=LIMIT_MB,
        key=key,
        on_change=_forget_if_emptied,
        args=(source, key),
    )


def _camera() -> Sequence[Any]:
    if not camera_available(st.context.url):
        st.info(
            "A browser gives its camera only to pages served over HTTPS or from localhost, and this one is neither. "
            "Take the picture with another app and upload the file.",
            icon=":material/no_photography:",
        )
        return []
    picture = st.camera_input(
        "A smear through the eyepiece, sharp and centred on one cell", key=f"intake-camera-{images.store().round}"
    )
    return [picture] if picture is not None else []


def camera_available(url: str | None) -> bool:
    """Tell whether a browser at this address may use its camera: HTTPS or this very machine."""
    parts = urlsplit(url or "")
    return parts.scheme == "https" or parts.hostname in LOCAL


def _look_at(new: list[str]) -> None:
    """Turn to a new upload: the one that the address asks for, if it is among them, else the first."""
    wanted = state.get("image")
    if not new or wanted in new:
        return
    if wanted.startswith(images.PREFIX) and wanted not in images.store().files:
        st.info("The image that the link is about is another file than this one.", icon=":material/link_off:")
    state.put("image", new[0])


def _choose_upload() -> None:
    files = images.store().files
    if not files:
        return
    st.selectbox(
        f"Uploaded images ({len(files)})",
        list(files),
        format_func=lambda key: files[key].name,
        placeholder="Choose one to look at",
        **state.bound("image", to_widget=lambda key: key if key in files else None, key="upload"),
    )
    st.button("Forget all uploads", on_click=_forget, type="tertiary", icon=":material/delete:")


def _forget_if_emptied(source: str, key: str) -> None:
    """Follow the removal of a list's last file, which a list that was hidden does not bring about."""
    if not st.session_state[key]:
        images.empty(source)
        answers.forget_pictures()
        forget_explanations()
        _leave_forgotten_image()


def _forget() -> None:
    images.forget_all()
    images.decoded.clear()
    answers.forget_pictures()
    forget_explanations()
    state.reset("image")


def _leave_forgotten_image() -> None:
    wanted = state.get("image")
    if wanted.startswith(images.PREFIX) and wanted not in images.store().files:
        state.reset("image")


def shared_controls(picture: bool = True, models: bool = True) -> None:
    """Show the choices that every page shares: image, models, framing, and whether true classes are told.

    The sidebar comes first: an image that arrives there is what the gallery and the page then show. A page that is
    about no `picture` has the choice of models alone, one on which no `models` answer nothing.
    """
    with st.sidebar:
        if picture:
            take_images()
        if models:
            choose_models()
        if picture:
            _choose_framing()
            _switch_truth()
    if picture:
        pick_from_gallery()


def _choose_framing() -> None:
    st.selectbox(
        "What the models are shown",
        [TRAINED, *FRAMINGS],
        format_func=framing_title,
        help="By default each model gets the picture framed as in its training: the square around the nucleus, at one "
        "scale. Another framing is an experiment: its answers carry a warning and do not count towards agreement. "
        "The masked cell is cut with the parameters of the Preprocess page.",
        **state.bound("view"),
    )
    state.say_problem("view")


def _switch_truth() -> None:
    st.toggle(
        "Show the true class",
        help="Where it is known: for simulated cells, and for uploads from folders named after a class. "
        "Leave it off to let students name the cell first.",
        **state.bound("truth"),
    )
    state.say_problem("truth")

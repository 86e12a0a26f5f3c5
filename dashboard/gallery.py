"""The ten simulated cells of a fresh install, in an order that gives no class away."""

from __future__ import annotations

import hashlib
import random

import streamlit as st

from core.simulation import gallery
from dashboard import state
from dashboard.pictures import data_address
from dashboard.subject import Subject

THUMBNAIL = 112
ORDER_SEED = 7


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

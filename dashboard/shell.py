"""What stands around every page: the gallery and the shared controls."""

from __future__ import annotations

import streamlit as st

from core.preprocessing.framing import FRAMINGS
from dashboard import state
from dashboard.address import TRAINED
from dashboard.answers import framing_title
from dashboard.gallery import pick_from_gallery
from dashboard.intake import take_images
from dashboard.slots import choose_models


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

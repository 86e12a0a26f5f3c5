"""What stands above every page: where images come in (files, a folder, the camera, the gallery), the shared controls,
and forgetting what a visitor's own pictures led to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.decoding import MAX_BYTES, SUFFIXES
from core.preprocessing.framing import FRAMINGS
from dashboard import answers, state, uploads
from dashboard.access import LOCAL
from dashboard.answers import framing_title
from dashboard.batch import forget_asked
from dashboard.explain.controls import forget_mask
from dashboard.explain.jobs import visit
from dashboard.explain.own_regions import forget_regions
from dashboard.explain.rendering import forget_drawn_maps, forget_outlines
from dashboard.explain.scoring import forget_checks
from dashboard.explain.verification import forget_references
from dashboard.field_work import forget_fields
from dashboard.images import pick_from_gallery, upload_title
from dashboard.models import choose_models, chosen_names, running_on
from dashboard.own_sets import offer_own_sets
from dashboard.share import show_link
from dashboard.truth import note_seen
from dashboard.url import TRAINED

LIMIT_MB = MAX_BYTES // 2**20
PROJECTOR = '<style>[data-testid="stMainBlockContainer"] { zoom: 1.4; }</style>'
PREVIOUS, NEXT = -1, 1


def forget_explanations() -> None:
    """Stop this session's work and drop all that it found out about private pictures."""
    visit().leave()
    forget_drawn_maps()
    forget_outlines()
    forget_checks()
    forget_references()
    forget_mask()
    forget_regions()
    forget_asked()
    forget_fields()


def shared_controls(picture: bool = True, models: bool = True, arrows: bool = False, uploading: bool = False) -> None:
    """Show the choices that every page shares: image, models, framing, what is kept back, and a link to the page.

    An image that arrives here is what the gallery and the page then show. A page that is about no `picture` has the
    choice of models alone, one on which no `models` answer not even that; with `uploading` it takes pictures all the
    same. With `arrows` the arrow keys turn over the
    uploads: on pages without sliders, which take these keys themselves.
    """
    if state.get("projector"):
        st.html(PROJECTOR)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="toolbar"):
        if picture or uploading:
            _take_files()
        if models:
            _choose_models(picture)
        if picture:
            _switch_truth()
        _show_more(picture, picture or uploading)
    for name in ("view", "truth", "guess", "pick", "models", "projector"):
        state.say_problem(name)
    if picture or uploading:
        _say_what_was_refused()
    if picture:
        _turn_over(arrows)
        note_seen(state.get("image"))
        pick_from_gallery()


def _take_files() -> None:
    """The button that takes files; it is a place to drop them on, too."""
    with st.container(width=132, key="upload"):
        listed = st.file_uploader(
            "Upload pictures of cells: PNG, JPEG, BMP, TIFF or WebP",
            accept_multiple_files=True,
            max_upload_size=LIMIT_MB,
            key=f"intake-files-{uploads.store().round}",
            label_visibility="collapsed",
        )
    _take(listed)


def _show_more(picture: bool, uploading: bool) -> None:
    folded = st.popover("More", icon=":material/tune:", key=f"more-{uploads.store().round}", on_change="rerun")
    if not folded.open:
        return
    with folded:
        if picture:
            _switch_guessing()
        _switch_projector()
        show_link()
        if uploading:
            _take_otherwise()


def _take_otherwise() -> None:
    suffixes = [suffix.lstrip(".") for group in SUFFIXES.values() for suffix in group]
    _take(
        st.file_uploader(
            "A folder of pictures",
            type=suffixes,
            accept_multiple_files="directory",
            max_upload_size=LIMIT_MB,
            key=f"intake-folder-{uploads.store().round}",
            help="Subfolders named after a class (neutrophil, …) tell the true class.",
        )
    )
    offer_own_sets()
    if st.toggle("Use the camera", key="use-camera"):
        _take(_camera())
    st.caption(
        "Images stay in the server's memory: they are not stored and not logged. They go when you forget them, or "
        "two hours after the last look."
    )


def _camera() -> Sequence[Any]:
    if not camera_available(st.context.url):
        st.caption(
            "A browser gives its camera only to pages served over HTTPS or from localhost, and this one is neither: "
            "take the picture with another app and upload the file."
        )
        return []
    picture = st.camera_input(
        "A smear through the eyepiece, sharp and centred on one cell", key=f"intake-camera-{uploads.store().round}"
    )
    return [picture] if picture is not None else []


def camera_available(url: str | None) -> bool:
    """Tell whether a browser at this address may use its camera: HTTPS or this very machine."""
    parts = urlsplit(url or "")
    return parts.scheme == "https" or parts.hostname in LOCAL


def _take(listed: Sequence[Any]) -> None:
    """Take what a widget lists, and begin anew with an empty one and the first of the new images."""
    if not listed:
        return
    with st.spinner("Reading the images"):
        new = uploads.take(listed)
    wanted = state.get("image")
    if new and wanted not in new:
        if wanted.startswith(uploads.PREFIX) and wanted not in uploads.store().files:
            uploads.store().refused.append("The image that the link is about is another file than this one.")
        state.put("image", new[0])
        state.reset("pick")
    st.rerun()


def _say_what_was_refused() -> None:
    held = uploads.store()
    told = [*held.refused, *held.repeated]
    if not told:
        return
    with st.container(key="refused", gap="xsmall"):
        if len(told) == 1:
            st.error(told[0], icon=":material/block:")
        else:
            with st.expander(f"{len(told)} files were left out", icon=":material/block:", expanded=len(told) <= 3):
                for message in told:
                    st.error(message, icon=":material/block:")
        st.button("Understood", key="refused-seen", type="tertiary", on_click=_forget_messages)


def _forget_messages() -> None:
    held = uploads.store()
    held.refused, held.repeated = [], []


def _turn_over(arrows: bool) -> None:
    """Show which of the uploads is looked at, and the ways to the one before and the next."""
    files = uploads.store().files
    if not files:
        return
    titles, several = {key: upload_title(key, upload) for key, upload in files.items()}, len(files) > 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="turn-over"):
        if several:
            _turn_button("Previous", PREVIOUS, "Left" if arrows else None)
        st.selectbox(
            f"Your pictures ({len(files)})",
            list(titles),
            format_func=titles.__getitem__,
            placeholder="Choose one to look at",
            width=220,
            label_visibility="collapsed",
            **state.bound(
                "image", to_widget=lambda key: key if key in titles else None, key=f"upload-{state.get('truth')}"
            ),
        )
        if several:
            _turn_button("Next", NEXT, "Right" if arrows else None)
        st.button(
            "Forget all uploads", key="forget-uploads", on_click=_forget, type="tertiary", icon=":material/delete:"
        )


def _turn_button(label: str, step: int, shortcut: str | None) -> None:
    icon = ":material/chevron_left:" if step == PREVIOUS else ":material/chevron_right:"
    st.button(label, key=f"turn-{label}", icon=icon, shortcut=shortcut, on_click=_turn, args=(step,), type="tertiary")


def _turn(step: int) -> None:
    keys, now = list(uploads.store().files), state.get("image")
    if not keys:
        return
    place = keys.index(now) + step if now in keys else 0
    state.put("image", keys[place % len(keys)])
    state.reset("pick")


def _forget() -> None:
    uploads.store().forget()
    uploads.decoded.clear()
    answers.forget_pictures()
    forget_explanations()
    uploads.give_memory_back()
    if state.get("image").startswith(uploads.PREFIX):
        state.reset("image")
        state.reset("pick")


def _choose_models(framing: bool) -> None:
    with st.popover(f"Models ({len(chosen_names())})", icon=":material/hub:", key="models"):
        choose_models()
        st.caption(f"They run on this server's {running_on()}.")
        if framing:
            st.selectbox(
                "What the models are shown",
                [TRAINED, *FRAMINGS],
                format_func=framing_title,
                help="By default each model gets the picture framed as in its training: the square around the nucleus, "
                "at one scale. Another framing is an experiment: its answers carry a warning and do not count towards "
                "agreement. The masked cell is cut with the parameters of the Preprocess page.",
                **state.bound("view"),
            )


def _switch_truth() -> None:
    st.toggle(
        "True class",
        help="Tell the true class of the picture looked at, where it is known: of simulated cells, and of uploads from "
        "folders named after a class. Leave it off to let students name the cell first: nothing else on the page tells "
        "it, and uploads are called by number.",
        **state.bound("truth"),
    )


def _switch_guessing() -> None:
    st.toggle(
        "Guess first",
        help="Hide the models' answers until the reader has looked and asks for them.",
        **state.bound("guess"),
    )


def _switch_projector() -> None:
    st.toggle("Large, for a projector", help="Everything 1.4 times as large.", **state.bound("projector"))

"""The reader's own mask of the cell: a picture file that takes the place of the estimated outline."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.decoding import decode
from core.errors import InputError
from core.preprocessing.given_mask import Mask, mask_of
from dashboard import uploads
from dashboard.subject import Subject

HELD = "cell-mask"
LARGEST_MB = 20


@dataclass(frozen=True)
class Held:
    """A mask as it was given: the file's name and identifier, the image that it was given for, its bytes."""

    name: str
    file_id: str
    subject: str
    data: bytes


def choose_mask(subject: Subject) -> Mask | None:
    """Show where a mask is given, and return the one for `subject`, `(H, W) bool`; what is wrong with it is said."""
    file = st.file_uploader(
        "Your own mask of the cell",
        max_upload_size=LARGEST_MB,
        key=f"{HELD}-{uploads.store().round}",
        help="White on the cell, black around it, of the image's own size. It takes the place of the outline that the "
        "preprocessing estimates: in the scores that ask where the cell is, and where a method paints the cell over.",
    )
    if file is None:
        st.session_state.pop(HELD, None)
        return None
    held = st.session_state.get(HELD)
    if held is None or held.file_id != file.file_id:
        held = st.session_state[HELD] = Held(file.name, file.file_id, subject.sha256, file.getvalue())
    if held.subject != subject.sha256:
        st.info(f"“{held.name}” was given for another image and is not used for this one.", icon=":material/link_off:")
        return None
    try:
        return _mask(held, subject)
    except InputError as error:
        st.error(str(error), icon=":material/block:")
        return None


@st.cache_resource(show_spinner=False, max_entries=2, scope="session", hash_funcs={Held: lambda held: held.file_id})
def _decoded(held: Held, shape: tuple[int, ...]) -> Mask:
    return mask_of(decode(held.data, held.name).rgb, shape)


def _mask(held: Held, subject: Subject) -> Mask:
    return _decoded(held, subject.rgb.shape)


def forget_mask() -> None:
    """Drop the mask of this session."""
    st.session_state.pop(HELD, None)
    _decoded.clear()

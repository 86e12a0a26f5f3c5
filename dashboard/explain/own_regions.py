"""The reader's own regions on the Explain page: given as a label picture beside the methods' settings, and used by the
methods that weigh parts of a picture."""

from __future__ import annotations

import streamlit as st

from core.decoding import decode
from core.errors import InputError
from core.explanation.methods.registry import METHODS
from core.explanation.superpixels import OWN, takes_own_regions
from core.preprocessing.own_regions import FEWEST, MOST, OwnRegions, own_regions
from core.settings import fields_of
from dashboard import state, uploads
from dashboard.explain.controls import LARGEST_MB, Held
from dashboard.images import Subject
from dashboard.url import with_setting

HELD_REGIONS = "own-regions"
FIELD = "superpixels"
TAKERS = tuple(name for name, kind in METHODS.items() if takes_own_regions(kind))


def choose_regions(subject: Subject) -> OwnRegions | None:
    """Show where regions are given, and return those for `subject`; what is wrong with them is said.

    A file that comes is used at once by all methods that can; when it goes they cut the picture by themselves again.
    """
    titles = ", ".join(METHODS[name].title for name in TAKERS)
    key = f"{HELD_REGIONS}-{uploads.store().round}"
    file = st.file_uploader(
        "Your own regions",
        max_upload_size=LARGEST_MB,
        key=key,
        on_change=_use,
        args=(key,),
        help=f"For {titles}: a PNG of the image's own size, or of the part that the models see, in which each grey "
        f"level or colour is a region, {FEWEST} to {MOST} of them. They take the place of superpixels.",
    )
    if file is None:
        st.session_state.pop(HELD_REGIONS, None)
        return None
    held = st.session_state.get(HELD_REGIONS)
    if held is None or held.file_id != file.file_id:
        held = st.session_state[HELD_REGIONS] = Held(file.name, file.file_id, subject.sha256, file.getvalue())
    if held.subject != subject.sha256:
        st.info(f"“{held.name}” was given for another image and is not used for this one.", icon=":material/link_off:")
        return None
    try:
        found = _read(held)
    except InputError as error:
        st.error(str(error), icon=":material/block:")
        return None
    st.caption(f"{found.count} regions of your own.")
    return found


def _use(key: str) -> None:
    """Let the methods that can weigh the regions that came, or again what they cut by themselves."""
    given = st.session_state.get(key) is not None
    settings = state.get("set")
    for name in TAKERS:
        default = fields_of(METHODS[name].settings)[FIELD].default
        if given or settings.get(name, {}).get(FIELD) == OWN:
            settings = with_setting(settings, METHODS[name], FIELD, OWN if given else default)
    state.put("set", settings)


@st.cache_resource(show_spinner=False, max_entries=2, scope="session", hash_funcs={Held: lambda held: held.file_id})
def _read(held: Held) -> OwnRegions:
    return own_regions(decode(held.data, held.name))


def forget_regions() -> None:
    """Drop the regions of this session."""
    st.session_state.pop(HELD_REGIONS, None)
    _read.clear()

"""The reader's own regions on the Explain page: given as a label picture beside the methods' settings, and used by the
methods that weigh parts of a picture."""

from __future__ import annotations

from collections.abc import Sequence

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

HELD_REGIONS, AWAY = "own-regions", "own-regions-away"
FIELD = "superpixels"
TAKERS = tuple(name for name, kind in METHODS.items() if takes_own_regions(kind))


def choose_regions(subject: Subject) -> OwnRegions | None:
    """Show where regions are given, and return those for `subject`; what is wrong with them is said.

    A file that comes is used at once by all methods that can. When it goes, is of no use, or is for another image, they
    cut the picture by themselves again; back at its own image, those that used it do so once more. A link that asks for
    regions which nobody has given is left as it is: the methods then say that they need some.
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
        if st.session_state.pop(HELD_REGIONS, None) is not None:
            _do_without()
        return None
    held = st.session_state.get(HELD_REGIONS)
    if held is None or held.file_id != file.file_id:
        held = st.session_state[HELD_REGIONS] = Held(file.name, file.file_id, subject.sha256, file.getvalue())
    if held.subject != subject.sha256:
        st.info(f"“{held.name}” was given for another image and is not used for this one.", icon=":material/link_off:")
        _do_without()
        return None
    try:
        found = _read(held)
    except InputError as error:
        st.error(str(error), icon=":material/block:")
        _do_without()
        return None
    st.caption(f"{found.count} regions of your own.")
    away = st.session_state.pop(AWAY, ())
    if away:
        _set_to_own(away)
        _draw_again()
    return found


def _use(key: str) -> None:
    """Let the methods that can weigh the regions that came, or again what they cut by themselves."""
    st.session_state.pop(AWAY, None)
    if st.session_state.get(key) is not None:
        _set_to_own(TAKERS)
    else:
        _back_to_default()


def _do_without() -> None:
    """Let the methods that are set to regions which are not there cut by themselves, and draw the page anew for it."""
    changed = _back_to_default()
    if changed:
        st.session_state[AWAY] = changed
        _draw_again()


def _set_to_own(names: Sequence[str]) -> None:
    settings = state.get("set")
    for name in names:
        settings = with_setting(settings, METHODS[name], FIELD, OWN)
    state.put("set", settings)


def _back_to_default() -> tuple[str, ...]:
    """Set every method that weighs regions of the reader's own to what it cuts by itself; returns which ones did."""
    settings = state.get("set")
    using = tuple(name for name in TAKERS if settings.get(name, {}).get(FIELD) == OWN)
    for name in using:
        settings = with_setting(settings, METHODS[name], FIELD, fields_of(METHODS[name].settings)[FIELD].default)
    if using:
        state.put("set", settings)
    return using


def _draw_again() -> None:
    """Run the page again, whose controls above still show the former settings; not from the address as it was."""
    state.write_address()
    st.rerun()


@st.cache_resource(show_spinner=False, max_entries=2, scope="session", hash_funcs={Held: lambda held: held.file_id})
def _read(held: Held) -> OwnRegions:
    return own_regions(decode(held.data, held.name))


def forget_regions() -> None:
    """Drop the regions of this session; what is set to them goes back to its default."""
    for key in (HELD_REGIONS, AWAY):
        st.session_state.pop(key, None)
    _back_to_default()
    _read.clear()

"""Open a session: which cells, which models, which methods. Everything has a default, so that one click does."""

from __future__ import annotations

import streamlit as st

from core.classes import CLASSES
from core.decoding import MAX_BYTES, SUFFIXES
from core.errors import InputError
from core.explanation.methods.registry import METHODS
from core.teaching.deck import DIFFICULTIES, MOST_CELLS, DeckCell, gallery_deck, picture_deck, simulated_deck
from core.teaching.steps import ClassSettings
from core.teaching.store import LONGEST_TITLE, ClassSession
from dashboard import uploads
from dashboard.classroom.answers import forget_sessions, quick_methods
from dashboard.classroom.report import delete_session
from dashboard.classroom.shared import CODE, KEY, class_link, class_store
from dashboard.models import names, root, title
from dashboard.ui.format import quoted

FAULT, ROUND = "class-open-fault", "class-folder-round"
MOST_FOLDER = 200 * 2**20  # bytes of a folder as it comes
SIMULATED, GALLERY, FOLDER, OWN = "Simulated cells", "The gallery", "Pictures", "My uploads"
DECKS = (SIMULATED, GALLERY, FOLDER, OWN)
USUAL = 10  # cells
FIRST_METHOD = "gradcam"
HELP = {
    SIMULATED: "Drawn anew for this session: no other page shows them.",
    GALLERY: "The ten cells of every page. Students who open another page find them there, with answers.",
    FOLDER: "Subfolders named after a class (neutrophil, …) tell the true class; without them, it is a poll. The "
    "pictures are kept on this server with the session: bring none that identify a patient.",
    OWN: "What you brought to other pages, mistakes that you opened from Evaluate or an audit among them.",
}


def offer_session() -> None:
    """Show the form of a new session."""
    kind = st.segmented_control("Cells", DECKS, default=SIMULATED, key="class-deck", required=True)
    st.caption(HELP[kind])
    files = _choose_cells(kind)
    on_offer = [name for name in names() if (root() / name).is_dir()]
    with st.expander("Title, models and methods"):
        st.text_input("Title", "Class", max_chars=LONGEST_TITLE, key="class-title")
        st.pills(
            "Models that answer", on_offer, default=on_offer, selection_mode="multi", key="class-models",
            format_func=lambda name: quoted(title(name)), help="Without any there is one vote, and no map.",
        )  # fmt: skip
        st.pills(
            "Where they looked", quick_methods(), default=[FIRST_METHOD], selection_mode="multi", key="class-methods",
            format_func=lambda name: METHODS[name].title, help="Methods of one pass. Slower ones stand on Explain.",
        )  # fmt: skip
    st.button("Start the session", type="primary", key="class-start", on_click=_open, args=(kind, files))
    fault = st.session_state.pop(FAULT, "")
    if fault:
        st.error(quoted(fault), icon=":material/block:")


def _choose_cells(kind: str) -> list[tuple[str, bytes, str | None]]:
    """The widgets of one kind of deck; pictures that were chosen, with their classes."""
    if kind == SIMULATED:
        st.slider("How many", 1, MOST_CELLS, USUAL, key="class-count", width=400)
        with st.container(horizontal=True):
            st.segmented_control(
                "How hard", list(DIFFICULTIES), default="easy", key="class-hard", required=True,
                help="Medium and hard ones are out of focus and have lost colour.",
            )  # fmt: skip
            st.pills("Classes", CLASSES, default=list(CLASSES), selection_mode="multi", key="class-classes")
    if kind == FOLDER:
        suffixes = [suffix.lstrip(".") for group in SUFFIXES.values() for suffix in group]
        listed = st.file_uploader(
            "A folder of pictures", type=suffixes, accept_multiple_files="directory",
            max_upload_size=MAX_BYTES // 2**20, key=f"class-folder-{st.session_state.setdefault(ROUND, 0)}",
        )  # fmt: skip
        if listed and (len(listed) > MOST_CELLS or sum(file.size for file in listed) > MOST_FOLDER):
            st.session_state[ROUND] += 1  # another uploader: what this one holds is let go of
            st.session_state[FAULT] = (
                f"This folder has {len(listed):,} pictures of {sum(file.size for file in listed) >> 20:,} MB; a deck "
                f"takes {MOST_CELLS} of {MOST_FOLDER >> 20} MB. Choose a folder with fewer."
            )
            st.rerun()
        return [(file.name, file.getvalue(), uploads.label_of(file.name)) for file in listed or []]
    if kind == OWN:
        files = uploads.store().files
        st.caption(f"{len(files)} pictures.")
        return [(one.name, one.data, uploads.store().labels.get(key) or one.label) for key, one in files.items()]
    return []


def _deck(kind: str, files: list[tuple[str, bytes, str | None]]) -> list[DeckCell]:
    chosen = st.session_state
    if kind == SIMULATED:
        return simulated_deck(chosen["class-count"], chosen["class-classes"], chosen["class-hard"])
    return gallery_deck() if kind == GALLERY else picture_deck(files)


def _open(kind: str, files: list[tuple[str, bytes, str | None]]) -> None:
    chosen = st.session_state
    try:
        settings = ClassSettings(tuple(chosen.get("class-models", ())), tuple(chosen.get("class-methods", ())))
        session = class_store().open_session(
            chosen.get("class-title") or "", _deck(kind, files), settings, uploads.owner()
        )
    except InputError as error:
        chosen[FAULT] = str(error)
        return
    _go(session)


@st.cache_data(show_spinner=False, ttl=3600, max_entries=1)
def _swept() -> None:
    """Let sessions go that are over their time, once an hour at most."""
    if class_store().sweep():
        forget_sessions()


def own_sessions() -> None:
    """List the sessions that this browser opened, to go back to or to delete."""
    try:
        _swept()
        found = class_store().sessions_of(uploads.owner())
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return
    if not found:
        return
    st.html('<p class="ll-title">Your sessions</p>')
    for one in found:
        where = "ended" if one.ended else "waits" if one.lobby else f"at cell {one.position + 1} of {one.cells}"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{one.code}: {quoted(one.title)}, {where}", width="content")
            st.button("Open", key=f"class-go-{one.code}", type="tertiary", on_click=_go, args=(one,))
            st.button(
                "Delete", key=f"class-drop-{one.code}", type="tertiary", icon=":material/delete:", on_click=_drop,
                args=(one.code, one.key),
            )  # fmt: skip
            with st.popover("Links", icon=":material/link:", key=f"class-links-{one.code}"):
                _show_links(one)
    st.caption("They go by themselves when they were not used for 30 days.")


def _show_links(session: ClassSession) -> None:
    """The two links that lead a session, for the teacher's eyes."""
    st.caption("**For your laptop**: the truth, the votes as they come, notes, and the next cell.")
    st.code(class_link(session.code, session.presenter) or session.presenter, language=None, wrap_lines=True)
    st.caption("**Yours**: leads the session from another browser, and deletes it.")
    st.code(class_link(session.code, session.key) or session.key, language=None, wrap_lines=True)
    st.caption("Whoever has them leads: open them where students do not see them.")


def _go(session: ClassSession) -> None:
    """Go to the screen: by its code alone where this browser will be known again, for everybody reads its address."""
    secret = {} if uploads.known_browser() else {KEY: session.key}
    st.query_params.from_dict({CODE: session.code, **secret})


def _drop(code: str, key: str) -> None:
    try:
        delete_session(code, key)
    except InputError as error:
        st.session_state[FAULT] = str(error)

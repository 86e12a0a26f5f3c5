"""The Fields page as a whole: photographs in, cells found in the background, corrected, counted, compared, and out."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.errors import InputError
from core.fields.annotations import AnnotatedBox, AnnotatedPhotograph
from core.models.classifier import Classifier
from core.simulation.crowd import SmearPlan, draw_smear, usual_labels
from dashboard import uploads
from dashboard.field_work import FieldMemory, field_memory, look_after, photographs, tasks_for
from dashboard.fields.cell import show_cell
from dashboard.fields.files import offer_exports, offer_truth
from dashboard.fields.picture import show_photograph
from dashboard.fields.tables import show_counts, show_disputed, show_rumke, show_sheet_by_class
from dashboard.fields.tally import NamedCell, counts_of, file_name, named_cells
from dashboard.models import chosen_names, entry, title
from dashboard.state import kept, kept_option
from dashboard.ui.format import quoted
from dashboard.ui.html import png_bytes

POLL = 0.7  # s between two looks at the work
DRAWN_CELLS, DRAWN_SIDES, DRAWN_RADIUS, DRAWN_PAIRS = 16, (600, 800), 17.0, 2
CROWDED = 150  # cells of a photograph from which on clumps are likely
MOST_DRAWINGS = 10_000
LEAD = (
    "Bring photographs of a smear: every white cell is found, boxed and named by each model that is switched on. Look "
    "at what they dispute, correct what is wrong, and take the count."
)


def show_fields() -> None:
    """Show every step, as far as there is something to show."""
    st.html(f'<p class="ll-sentence">{LEAD}</p>')
    memory = field_memory()
    keys = photographs(memory)
    if not keys:
        _ask_for_photographs()
        return
    entries = [entry(name) for name in chosen_names()]
    for one in entries:
        if one.classifier is None:
            st.warning(quoted(f"{one.title}: {one.fault}"), icon=":material/error:")
    classifiers = [one.classifier for one in entries if one.classifier is not None]
    if not classifiers:
        st.info("No model is switched on: cells are found, and not named.", icon=":material/toggle_off:")
    key = _choose(memory, keys)
    _show_work(memory, classifiers, keys)
    _show_photograph_of(memory, key, keys, classifiers)


def _ask_for_photographs() -> None:
    st.info(
        "Bring photographs with “Upload” above, PNG, JPEG, TIFF and others, of at most 40 megapixels each. For whole "
        "folders there is `python -m core count`.",
        icon=":material/upload:",
    )
    st.button(
        "Try it with a simulated photograph", key="fields-simulated", icon=":material/science:", on_click=_draw,
        help="Drawn by this software. What it truly shows is known, so that the count can be compared with it.",
    )  # fmt: skip


def _draw() -> None:
    """Draw a photograph, which joins the visitor's own; what was drawn can be taken as the truth."""
    seed = secrets.randbelow(MOST_DRAWINGS)
    labels = usual_labels(np.random.default_rng(seed), DRAWN_CELLS)
    smear = draw_smear(SmearPlan(*DRAWN_SIDES, labels, DRAWN_PAIRS, DRAWN_RADIUS, "cream", 0.3), seed)
    name = f"simulated-{seed}.png"
    key = uploads.add(f"simulated/{name}", png_bytes(smear.image))
    memory = field_memory()
    boxes = tuple(AnnotatedBox(cell.box, cell.label) for cell in smear.cells)
    memory.drawn[key] = AnnotatedPhotograph(name, smear.image.shape[1], smear.image.shape[0], boxes)
    memory.wanted.add(key)
    memory.stopped = False


def _choose(memory: FieldMemory, keys: Sequence[str]) -> str:
    """The photograph looked at, and the button that has those counted that are not yet."""
    titles = {one: file_name(one) for one in keys}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="fields-choice"):
        key = st.selectbox(
            f"Photographs ({len(keys)})", keys, format_func=titles.__getitem__, width=320,
            **kept_option("fields-photograph", list(keys), keys[0]),
        )  # fmt: skip
        new = [one for one in keys if one not in memory.wanted]
        if new:
            st.button(
                "Find the cells" if len(keys) == 1 else f"Find the cells of {_photographs(len(new))}",
                key="fields-find", type="primary", icon=":material/search:", on_click=_want, args=(memory, new),
            )  # fmt: skip
        st.button("Draw another", key="fields-draw", type="tertiary", icon=":material/science:", on_click=_draw)
    return str(key)


def _want(memory: FieldMemory, keys: Sequence[str]) -> None:
    memory.wanted.update(keys)
    memory.stopped = False


def _show_work(memory: FieldMemory, classifiers: Sequence[Classifier], keys: Sequence[str]) -> None:
    """The work in the background: how far it is, the button that stops it, and the one that goes on."""
    if look_after(memory, classifiers) is not None:
        _going_on(memory)
    elif memory.stopped and tasks_for(memory, classifiers):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("Stopped. What was found so far stays.")
            st.button("Go on", key="fields-go-on", icon=":material/play_circle:", on_click=_want, args=(memory, ()))
    for key in keys:
        counted = memory.counted.get(key)
        if counted is not None and counted.fault:
            st.error(quoted(f"{file_name(key)}: {counted.fault}"), icon=":material/block:")


@st.fragment(run_every=POLL)
def _going_on(memory: FieldMemory) -> None:
    job = memory.job
    if job is None or not job.going_on:
        st.rerun()
        return
    told = f"Photograph {job.number} of {len(job.tasks)}" if job.number else "Waiting for its turn"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(job.share, text=told)
        if st.button("Stop", key="fields-stop", icon=":material/stop_circle:", help="What was found so far stays."):
            memory.stopped = True
            job.stop()


def _show_photograph_of(memory: FieldMemory, key: str, keys: Sequence[str], classifiers: Sequence[Classifier]) -> None:
    """All that is known of the photograph looked at, then what is counted over all of them."""
    every = {one: named_cells(memory, one, classifiers) for one in keys if memory.review(one) is not None}
    titles = {one.name: title(one.name) for one in classifiers}
    if key in every:
        cells = every[key]
        _say_what_is_odd(cells)
        picture, panel = st.columns([1.5, 1], gap="medium")
        with picture:
            adding = st.toggle(
                "Add cells by a click", key="fields-adding",
                help="A click on the photograph then adds a cell of the usual size around that place.",
            )  # fmt: skip
            show_photograph(memory, key, cells, adding)
        with panel:
            show_cell(memory, key, cells, titles)
        show_disputed(memory, key, cells)
    if every:
        _show_results(memory, key, every, titles)


def _say_what_is_odd(cells: Sequence[NamedCell]) -> None:
    if not cells:
        st.info(
            "No white cell was found in this photograph. If it shows some, switch “Add cells by a click” on; a sharper "
            "or larger picture may help, too.",
            icon=":material/search_off:",
        )
    touching = sum(cell.one.cell.touching for cell in cells)
    if len(cells) > CROWDED and 2 * touching > len(cells):
        st.warning(
            f"{touching} of {len(cells)} cells touch others. In clumps, cells are missed, split or joined: count where "
            "the smear is thin.",
            icon=":material/groups:",
        )


def _show_results(memory: FieldMemory, key: str, every: dict[str, list[NamedCell]], titles: dict[str, str]) -> None:
    st.html(f'<p class="ll-title">Differential count of {_photographs(len(every))}</p>')
    percent = st.number_input(
        "Wanted width of an interval, percentage points", 1.0, 50.0, step=1.0, width=320, **kept("fields-width", 10.0)
    )
    everything = [cell for cells in every.values() for cell in cells]
    try:
        counts = counts_of(everything, titles, percent / 100)
    except InputError as error:
        st.warning(quoted(str(error)), icon=":material/block:")
        return
    show_counts(counts, percent / 100)
    offer_exports(memory, every, counts)
    if every.get(key):
        with st.expander("Contact sheet by class", icon=":material/grid_view:", expanded=True):
            show_sheet_by_class(memory, key, every[key])
    with st.expander("Compare with annotations", icon=":material/rule:", expanded=bool(memory.truths or memory.told)):
        offer_truth(memory, key, every)
    with st.expander("Rümke's table: what a count can tell", icon=":material/table:"):
        show_rumke()


def _photographs(number: int) -> str:
    return "one photograph" if number == 1 else f"{number} photographs"

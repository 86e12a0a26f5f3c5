"""Maps of a drawn cell against measured causes: what taking each part away did, beside each method's share of evidence
on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.methods.registry import METHODS
from core.explanation.quality.control_maps import CONTROLS, control_maps
from core.explanation.render import overlay
from core.laboratory.causes import FEWEST_PARTS, RANKED, PartCauses, measured_causes
from core.laboratory.interventions import REMOVALS
from core.models.classifier import Classifier
from core.simulation import CellDesign
from dashboard import state
from dashboard.laboratory.changes import signed_points
from dashboard.ui.format import measured, quoted
from dashboard.ui.html import fitted, table

INSTANT = tuple(name for name in RANKED if METHODS[name].instant)
TILE = 200
NONE = "–"


@dataclass(frozen=True, eq=False)
class PartMaps:
    """One model's measured causes, and each method's map `(S, S, 3) uint8` over the picture that it saw."""

    causes: PartCauses
    pictures: dict[str, NDArray[np.uint8]]


def show_parts(classifiers: Sequence[Classifier], titles: Sequence[str]) -> None:
    """Choose methods; for each model its maps, and the table of effects and shares."""
    chosen = st.pills(
        "Methods", INSTANT, selection_mode="multi", default=["gradcam"], key="laboratory-methods",
        format_func=lambda name: METHODS[name].title,
        help="Those that know a class and need one pass. `python -m benchmarks causes` measures more, over many cells.",
    )  # fmt: skip
    design, seed = state.get("drawn"), state.get("drawing")
    for one, title in zip(classifiers, titles, strict=True):
        try:
            with st.spinner(f"Taking the cell apart: {title}", show_time=True):
                found = _measured(one.identity, design.model_dump_json(), seed, tuple(chosen), one, design)
        except InputError as error:
            st.error(f"{quoted(title)}: {quoted(str(error))}", icon=":material/block:")
            continue
        _show_model(title, found, chosen)
    st.caption(
        "Effect: what taking the part away took from the probability of the class named, in points. Share: how much of "
        "the map's positive evidence lies on the part; a large part gets much of any map, so that the last row ranks "
        "shares per area. Three or four parts of one cell rank coarsely: only the mean over many cells tells a good "
        "method from a poor one. A random map, an edge map and a blob in the middle know nothing of the model."
    )


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _measured(
    identity: tuple[str, str, str],
    drawn: str,
    seed: int,
    methods: tuple[str, ...],
    _classifier: Classifier,
    _design: CellDesign,
) -> PartMaps:
    pictures: dict[str, NDArray[np.uint8]] = {}
    side = _classifier.card.input_size

    def maps_of(context: ImageContext, label: str) -> dict[str, NDArray[np.float32]]:
        found = explain(_classifier, context, methods, [label], seed=seed) if methods else {}
        maps = {name: one.map_of(label) for name, one in found.items()}
        pictures.update({name: overlay(found[name].view, values, 0.55) for name, values in maps.items()})
        return {**maps, **control_maps(context, side, seed)}

    return PartMaps(measured_causes(_classifier, _design, seed, maps_of), pictures)


def _show_model(title: str, found: PartMaps, chosen: Sequence[str]) -> None:
    causes = found.causes
    st.html(f'<p class="ll-title">{escape(title)} names it {escape(causes.label)}</p>')
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        for name, drawn in found.pictures.items():
            told = f"{title}, {METHODS[name].title} for {causes.label}"
            with st.container(width=TILE, gap="xxsmall"):
                st.image(fitted(drawn, TILE), width="stretch", alt=told)
                st.html(f'<p class="ll-caption">{escape(METHODS[name].title)}</p>')
    if len(causes.parts) < FEWEST_PARTS:
        st.caption("This cell has fewer than three parts that are large enough: they are not ranked.")
    st.html(_table(title, causes, [*chosen, *CONTROLS]))


def _table(title: str, causes: PartCauses, names: Sequence[str]) -> str:
    """A row a part, a column a method or control; the rank correlations come last, of shares and of shares per area."""
    heads = ["part", "effect, points", "area", *(_named(name) for name in names)]
    rows = []
    for at, part in enumerate(causes.parts):
        shares = [causes.shares.get(name) for name in names]
        cells = [signed_points(-100 * causes.effects[at]), measured(causes.areas[at])]
        cells += [NONE if share is None else measured(share[at]) for share in shares]
        rows.append(_row(REMOVALS[part].title, cells))
    for per_area, head in ((False, "rank correlation with the effects"), (True, "the same, of shares per area")):
        agreed = [causes.agreement(name, per_area) for name in names]
        told = [NONE if value is None else f"{value:.2f}".replace("-", "−") for value in agreed]
        rows.append(_row(head, ["", "", *told]))
    return table(
        f"{title}: parts taken away, and the maps' evidence on them",
        [f'<th scope="col">{escape(head)}</th>' for head in heads],
        rows,
    )


def _named(name: str) -> str:
    return f"{METHODS[name].title}, share" if name in METHODS else f"{CONTROLS[name]}, share"


def _row(head: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{escape(head)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'

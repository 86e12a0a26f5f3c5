"""Dose and answer: one factor of the drawn cell from end to end, every model's probability, and the spread over other
drawings, measured drawing by drawing while the page goes on."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.errors import InputError
from core.laboratory.effects import BAND, DOSE_DRAWS, DoseCurve, Floats, dose_answers, dose_curves, dose_values
from core.models.classifier import Classifier
from core.settings import fields_of
from core.simulation import CellDesign
from core.simulation.design import AS_DRAWN, FACTORS
from dashboard import state
from dashboard.ui.charts import DASHES, Axis, Line, line_figure, percent_axis, show
from dashboard.ui.format import quoted
from dashboard.ui.html import CLASS_COLOURS
from dashboard.url import HIGHEST_SEED

TICK = 0.2  # s between two drawings
RUNNING, MEASURED = "dose-running", "dose-measured"
SHADES = tuple(CLASS_COLOURS.values())
FIELDS = fields_of(CellDesign)
HEIGHT = 340


def show_doses(classifiers: Sequence[Classifier], titles: Sequence[str], label: str) -> None:
    """Choose a factor, measure, cancel; the chart of all models as far as it has come."""
    design: CellDesign = state.get("drawn")
    offered = [name for name in FACTORS if name != "share" or design.other != AS_DRAWN]
    factor = st.selectbox(
        "Factor", offered, index=offered.index("granules"), format_func=lambda name: FIELDS[name].title,
        key="dose-factor", width=280, help="All else stays as the controls have it. A mixture must be chosen first.",
    )  # fmt: skip
    wanted = _wanted(design, factor, classifiers)
    with st.container(horizontal=True, gap="small"):
        st.button("Measure", type="primary", key="dose-start", on_click=_begin, args=(wanted,))
        if st.session_state.get(RUNNING) == wanted:
            st.button("Cancel", key="dose-cancel", icon=":material/stop:", on_click=_end)
    (_going_on if st.session_state.get(RUNNING) == wanted else _still)(classifiers, titles, label, factor, wanted)


def _wanted(design: CellDesign, factor: str, classifiers: Sequence[Classifier]) -> tuple[object, ...]:
    """All that decides a measurement; the factor's own place on its control does not."""
    plain = design.revised(**{factor: FIELDS[factor].default})
    return plain.model_dump_json(), state.get("drawing"), factor, tuple(one.identity for one in classifiers)


def _begin(wanted: tuple[object, ...]) -> None:
    st.session_state[RUNNING], st.session_state[MEASURED] = wanted, (wanted, [])


def _end() -> None:
    st.session_state[RUNNING] = None


@st.fragment(run_every=TICK)
def _going_on(
    classifiers: Sequence[Classifier], titles: Sequence[str], label: str, factor: str, wanted: tuple[object, ...]
) -> None:
    _, answers = st.session_state[MEASURED]
    if not classifiers:
        _end()
    if st.session_state.get(RUNNING) != wanted:
        st.rerun()
    seed = (state.get("drawing") + len(answers)) % (HIGHEST_SEED + 1)
    plain = state.get("drawn").revised(**{factor: FIELDS[factor].default})
    try:
        answers.append(dose_answers(classifiers, plain, factor, seed, dose_values(factor)))
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        _end()
        return
    _draw(classifiers, titles, label, factor, answers)
    if len(answers) > DOSE_DRAWS:
        _end()
        st.rerun()


@st.fragment
def _still(
    classifiers: Sequence[Classifier], titles: Sequence[str], label: str, factor: str, wanted: tuple[object, ...]
) -> None:
    measured, answers = st.session_state.get(MEASURED, (None, []))
    if measured == wanted and answers:
        _draw(classifiers, titles, label, factor, answers)
    else:
        st.caption(f"Measures this cell and {DOSE_DRAWS} others of the same make, at nine values of the factor.")


def _draw(
    classifiers: Sequence[Classifier],
    titles: Sequence[str],
    label: str,
    factor: str,
    answers: Sequence[dict[str, Floats]],
) -> None:
    done, total = len(answers), DOSE_DRAWS + 1
    if done < total:
        st.progress(done / total, text=f"{done} of {total} drawings")
    curves = dose_curves(classifiers, dose_values(factor), answers)
    named = [(title, curve) for title, curve in zip(titles, curves, strict=True) if label in curve.classes]
    if not named:
        st.info(f"No model that is switched on knows the class {label}.", icon=":material/toggle_off:")
        return
    show(dose_figure(named, label, factor), "laboratory-dose", _words(named, label, factor))
    others = f"; bands: the middle {BAND[1] - BAND[0]:.0f} % of {done - 1} other drawings" if done > 2 else ""
    st.caption(f"Lines: this cell{others}. Every drawing is cut out as the cell with the factor unchanged is.")


def dose_figure(named: Sequence[tuple[str, DoseCurve]], label: str, factor: str) -> go.Figure:
    """A line a model, this cell's answer, over its band."""
    lines = [
        Line(
            name=title, x=curve.values, y=(100 * curve.own[:, curve.classes.index(label)]).tolist(),
            hover=f"{FIELDS[factor].title.lower()} %{{x:.2f}}: %{{y:.1f}} %",
            colour=SHADES[number % len(SHADES)], dash=DASHES[number % len(DASHES)], markers=True,
        )
        for number, (title, curve) in enumerate(named)
    ]  # fmt: skip
    figure = line_figure(lines, Axis(FIELDS[factor].title.lower()), percent_axis(f"probability of {label}, %"), HEIGHT)
    for number, (_, curve) in enumerate(named):
        _, low, high = curve.band(label)
        figure.add_scatter(
            x=[*curve.values, *reversed(curve.values)],
            y=[*(100 * high).tolist(), *reversed((100 * low).tolist())],
            fill="toself",
            fillcolor=_faint(SHADES[number % len(SHADES)]),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _words(named: Sequence[tuple[str, DoseCurve]], label: str, factor: str) -> str:
    told = []
    for title, curve in named:
        own = 100 * curve.own[:, curve.classes.index(label)]
        told.append(f"{title}: {own[0]:.0f} % at {curve.values[0]:g}, {own[-1]:.0f} % at {curve.values[-1]:g}")
    return f"Probability of {label} by {FIELDS[factor].title.lower()}. {'; '.join(told)}."

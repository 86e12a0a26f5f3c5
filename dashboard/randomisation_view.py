"""The randomisation check as a reader meets it: the verdict, and how like the original each map stayed."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.explanation.worth.verdict import Level, Randomisation


def show_randomisation(check: Randomisation, finished: bool) -> None:
    """Show the verdict once there is one, and a bar a level."""
    if finished:
        sort = st.warning if check.passed is False else st.info
        icons = {True: ":material/check_circle:", False: ":material/report:", None: ":material/help:"}
        sort(f"Randomisation check. {check.verdict}", icon=icons[check.passed])
    if check.levels:
        st.html(level_table(check))


def level_table(check: Randomisation) -> str:
    """Return HTML: a row a level with a bar from 0 to 1 of the map's likeness to the original."""
    rows = "".join(_row(level) for level in check.levels)
    others = [("another seed, trained model", check.ceiling), *check.controls.items()]
    told = "; ".join(f"{name} {value:.2f}" for name, value in others if value is not None)
    label = f"Likeness of the map of {check.label} to the original, by how much of the model was drawn anew"
    return (
        f'<p class="ll-caption"><strong>Likeness to the original map</strong> (rank correlation) with everything from '
        f'the head down to this stage drawn anew</p><table class="ll-bars ll-levels" aria-label="{escape(label)}">'
        f'<tbody>{rows}</tbody></table><p class="ll-caption">For comparison: {escape(told)}.</p>'
    )


def _row(level: Level) -> str:
    if level.similarity is None:
        bar, figure = "", "no map"
    else:
        bar = f'<span><span style="width:{100 * max(0.0, level.similarity):.1f}%"></span></span>'
        figure = f"{level.similarity:.2f}".replace("-", "−")
    return (
        f'<tr><th scope="row">{escape(level.stage)}</th><td class="ll-bar">{bar}</td>'
        f'<td class="ll-number">{figure}</td></tr>'
    )

"""The runs of this server: which there are, and the chosen one, watched for as long as anything goes on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.runs.directory import RunDirectory
from core.runs.listing import RunEntry, RunList, list_runs
from core.runs.place import default_runs
from dashboard import state
from dashboard.training_run import show_run
from dashboard.training_words import STATES, ago

POLL = 2.0  # s between two looks at runs that go on
MOST_ROWS = 30


def show_runs() -> None:
    """Show the list and the chosen run; where nothing goes on, nothing is looked at again."""
    state.say_problem("run")
    found = list_runs(default_runs())
    for note in found.notes:
        st.caption(note)
    if not found.runs:
        st.info(
            "No training was started here yet. Choose “New training” above, or use `python -m core train` on the "
            "command line: runs that it makes in the same folder are shown here too.",
            icon=":material/model_training:",
        )
        return
    name = _choose(found.runs)
    watched = any_going_on(found)
    st.fragment(_show, run_every=POLL if watched else None)(name, watched)


def any_going_on(found: RunList) -> bool:
    """Whether a run of the list waits or trains."""
    return any(entry.going_on for entry in found.runs)


def _choose(runs: Sequence[RunEntry]) -> str:
    names = [entry.name for entry in runs]
    wanted = state.get("run")
    if wanted and wanted not in names:
        st.warning(f"There is no run “{wanted}” here; the newest one is shown.", icon=":material/link_off:")
    first = next((entry.name for entry in runs if entry.going_on), names[0])
    return str(
        st.selectbox(
            f"Run ({len(names)})",
            names,
            help="Newest first. The address of this page leads back to the chosen run.",
            **state.bound("run", to_widget=lambda name: name if name in names else first),
        )
    )


def _show(name: str, watched: bool) -> None:
    """Show the chosen run and the list as they stand, anew where it is no longer true that something goes on.

    One fragment, whether it looks again by itself or not: a button pressed while it changes over is never lost.
    """
    found = list_runs(default_runs())
    if any_going_on(found) != watched:
        st.rerun()
    show_run(RunDirectory(default_runs() / name))
    if len(found.runs) > 1:
        with st.expander(f"All runs ({len(found.runs)})"):
            st.html(runs_table(found.runs))
    state.write_address()


def runs_table(runs: Sequence[RunEntry]) -> str:
    """Return HTML: a row a run with its state and how far it came."""
    rows = "".join(_row(entry) for entry in runs[:MOST_ROWS])
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Run", "State", "Epochs", "Begun"))
    return (
        '<div class="ll-wide"><table class="ll-scores" aria-label="All runs"><thead><tr>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(entry: RunEntry) -> str:
    status = entry.status
    epochs = f"{status.epoch} of {status.epochs}" if status is not None and status.epochs else "–"
    title = STATES.get(entry.state, STATES["unknown"])[0]
    told = f"{title}: {entry.problem}" if entry.problem else title
    return (
        f'<tr><th scope="row">{escape(entry.name)}</th><td>{escape(told)}</td><td>{epochs}</td>'
        f"<td>{ago(entry.since) if entry.since else '–'}</td></tr>"
    )

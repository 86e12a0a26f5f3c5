"""The two views of the Train page, what it says where training is switched off, and the runs, watched for as long as
anything goes on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.runs.directory import RunDirectory, default_runs
from core.runs.listing import RunEntry, RunList, list_runs
from dashboard import state
from dashboard.access import SWITCH, switch
from dashboard.state import kept_option, recall
from dashboard.train.run import show_run
from dashboard.train.wording import STATES, ago

VIEWS = {"new": "New training", "runs": "Runs"}
CLOSED = "Training is switched off here: it starts long work on the server and reads folders there"
AWAY = f"{CLOSED}, and your browser seems to run on another machine."
OFF = f"{CLOSED}. `{SWITCH}=off` in the server's environment says so."
HOW = f"Whoever runs the server can switch it on with `{SWITCH}=on` in its environment"
THERE = ", or open the page there, at `localhost`"
COMMAND = "On the command line, `python -m core train` does the same work."
POLL = 2.0  # s between two looks at runs that go on
MOST_ROWS = 30


def choose_view() -> str:
    """Let the reader choose between a new training and the runs; what goes on comes first."""
    first = "new"
    asked_for = bool(state.get("run") or state.problem("run"))
    if recall("view") is None and (asked_for or any(run.going_on for run in list_runs(default_runs()).runs)):
        first = "runs"
    picked = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        **kept_option("view", list(VIEWS), first),
    )
    return picked or first


def show_closed() -> None:
    """Say that training is switched off, and how it is switched on."""
    off = switch() == "off"
    st.info(OFF if off else AWAY, icon=":material/lock:")
    st.markdown(f"{HOW}{'' if off else THERE}. {COMMAND}")


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
    watched = any_training(found)
    st.fragment(_show, run_every=POLL if watched else None)(name, watched)


def any_training(found: RunList) -> bool:
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
    if any_training(found) != watched:
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

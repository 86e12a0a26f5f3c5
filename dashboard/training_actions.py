"""What can be done about a run: cancel it, go on with it, take its model among those of the dashboard."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.errors import InputError
from core.runs.adopt import adopt, adopted
from core.runs.directory import RunDirectory
from core.runs.launch import cancel, resume
from core.runs.status import ACTIVE
from dashboard.slots import root, title
from dashboard.training_memory import recall, remember
from dashboard.training_text import quoted

LOG = logging.getLogger("dashboard")
ENDING, ASKING, FAULT = "ending", "asking-to-end", "action-fault"


@dataclass
class Ending:
    """A run that this session has asked to end: whether that is over, and what went wrong with it."""

    name: str
    over: bool = False
    fault: str = ""


def going_to_end(name: str, state: str) -> bool:
    """Whether this session has asked a run to end that has not ended yet."""
    ending = recall(ENDING)
    return ending is not None and ending.name == name and not ending.over and state in ACTIVE


def show_actions(run: RunDirectory, state: str) -> None:
    """Show the buttons that the run's state allows, and what went wrong with the last one pressed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="training-actions"):
        if going_to_end(run.name, state):
            st.caption("It was asked to end, which may take some seconds.")
        elif state in ACTIVE:
            _offer_cancel(run)
        elif state in ("cancelled", "interrupted", "failed", "unknown"):
            st.button(
                "Resume",
                key=f"training-resume-{run.name}",
                icon=":material/play_circle:",
                on_click=_resume,
                args=(run,),
                help="Go on after the last finished epoch, with the same recipe and images.",
            )
        elif state == "done":
            _offer_model(run)
    ending = recall(ENDING)
    named, fault = (ending.name, ending.fault) if state in ACTIVE and ending is not None else recall(FAULT, ("", ""))
    if named == run.name and fault:
        st.error(quoted(fault), icon=":material/block:")


def _offer_cancel(run: RunDirectory) -> None:
    """Show the button that ends a run; it asks once more before it does."""
    if recall(ASKING) != run.name:
        st.button(
            "Cancel",
            key=f"training-cancel-{run.name}",
            icon=":material/stop_circle:",
            on_click=remember,
            args=(ASKING, run.name),
        )
        return
    st.html(
        '<p class="ll-sentence">End this training? Finished epochs stay, and it can be resumed.</p>', width="content"
    )
    st.button("Yes, end it", key=f"training-end-{run.name}", type="primary", on_click=_cancel, args=(run,))
    st.button("No, go on", key=f"training-go-on-{run.name}", on_click=remember, args=(ASKING, None))


def _offer_model(run: RunDirectory) -> None:
    name = adopted(run, root())
    if name is None:
        st.button(
            "Show it in the dashboard",
            key=f"training-adopt-{run.name}",
            icon=":material/library_add:",
            on_click=_adopt,
            args=(run,),
            help="Copies the model's folder among the checkpoints, under a free name: every page offers it then.",
        )
        return
    st.html(f'<p class="ll-caption">On all pages as “{title(name)}” ({name}).</p>', width="content")
    st.page_link("../pages/compare.py", label="Compare", icon=":material/compare:")
    st.page_link("../pages/evaluate.py", label="Evaluate", icon=":material/analytics:")


def _cancel(run: RunDirectory) -> None:
    ending = Ending(run.name)
    remember(ENDING, ending)
    remember(ASKING, None)
    remember(FAULT, ("", ""))
    threading.Thread(target=_end, args=(run, ending), name=f"end {run.name}", daemon=True).start()


def _end(run: RunDirectory, ending: Ending) -> None:
    try:
        cancel(run)
    except InputError as error:
        ending.fault = str(error)
    except Exception:
        LOG.exception("the run %s could not be ended", run.name)
        ending.fault = "It could not be ended; the server's log says why."
    finally:
        ending.over = True


def _resume(run: RunDirectory) -> None:
    _tried(run, lambda: resume(run))
    remember(ENDING, None)


def _adopt(run: RunDirectory) -> None:
    _tried(run, lambda: adopt(run, root()))


def _tried(run: RunDirectory, action: Callable[[], object]) -> None:
    remember(FAULT, ("", ""))
    try:
        action()
    except InputError as error:
        remember(FAULT, (run.name, str(error)))

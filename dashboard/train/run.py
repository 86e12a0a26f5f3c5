"""One run as it stands: state, progress, curves, log; and what can be done about it: cancel it, go on with it, take its
model among those of the dashboard."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import streamlit as st

from core.errors import InputError
from core.evaluation.intervals import wilson
from core.files import read_bounded, read_end
from core.models.card import CardScore, ModelCard, read_card
from core.runs.directory import ACTIVE, RunDirectory, RunStatus
from core.runs.publish import publish, published_name
from core.runs.spawn import OUTPUT, cancel
from core.training.launch import resume_run
from core.training.recipe import Recipe, checked_recipe
from dashboard.models import root, title
from dashboard.state import recall, remember
from dashboard.train.curves import show_curves
from dashboard.train.images import SIDE_TITLES
from dashboard.train.wording import STATES, about, ago, progress_in_words, share_done
from dashboard.ui.format import interval, measured, quoted
from dashboard.ui.html import progress_bar

LOG = logging.getLogger("dashboard")
ENDING, ASKING, FAULT = "ending", "asking-to-end", "action-fault"
SILENT = 180.0  # s without a report after which a run that goes on is said to be silent
COMMAND = "python -m core "  # so begins a next step that is a command
LOG_LINES, LOG_BYTES, LARGEST_RECORD = 60, 20_000, 5_000_000


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
    name = published_name(run, root())
    if name is None:
        st.button(
            "Show it in the dashboard",
            key=f"training-adopt-{run.name}",
            icon=":material/library_add:",
            on_click=_publish,
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
    _tried(run, lambda: resume_run(run))
    remember(ENDING, None)


def _publish(run: RunDirectory) -> None:
    _tried(run, lambda: publish(run, root()))


def _tried(run: RunDirectory, action: Callable[[], object]) -> None:
    remember(FAULT, ("", ""))
    try:
        action()
    except InputError as error:
        remember(FAULT, (run.name, str(error)))


def show_run(run: RunDirectory) -> None:
    """Show everything about one run."""
    state, status, recipe = run.state(), run.status(), recipe_of(run)
    ending = going_to_end(run.name, state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="training-head"):
        st.html(f'<p class="ll-title">{escape(run.name)}</p>', width="content")
        title, icon, colour = STATES.get(state, STATES["unknown"])
        st.badge("Ending" if ending else title, icon=f":material/{icon}:", color=colour)
    if not (ending and state != "training"):
        _show_state(run, state, status)
    leak = facts_of(run).get("leak")
    if isinstance(leak, str) and leak.strip():
        st.warning(quoted(leak, 1500), icon=":material/content_copy:")
    for problem in run.problems():
        st.warning(problem, icon=":material/broken_image:")
    if state == "done":
        _show_result(run)
    show_actions(run, state)
    show_curves(run, recipe)
    _show_facts(run, recipe)
    _show_log(run, expanded=state == "failed")


def recipe_of(run: RunDirectory) -> Recipe | None:
    """The recipe that the run goes by; None where it is not there yet, or cannot be read."""
    data = read_bounded(run.path / "recipe.json", LARGEST_RECORD)
    try:
        return checked_recipe(json.loads(data or b""), run.name)
    except (ValueError, RecursionError, InputError):
        return None


def facts_of(run: RunDirectory) -> dict[str, object]:
    """What the run's `data.json` says; empty where it says nothing."""
    try:
        document = json.loads(read_bounded(run.path / "data.json", LARGEST_RECORD) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _show_state(run: RunDirectory, state: str, status: RunStatus | None) -> None:
    if status is None:
        told = "It prepares." if state == "preparing" else "Where it stands cannot be read from its folder."
        st.html(f'<p class="ll-sentence">{told}</p>')
    elif state == "training":
        st.html(progress_bar(progress_in_words(status), round(1000 * share_done(status)), 1000, run.name))
    elif state in ("waiting", "preparing", "finishing"):
        _show_waiting(state, status)
    elif state == "failed":
        st.error(quoted(status.error or status.message or "It ended without saying why."), icon=":material/error:")
        _say_next(status)
    elif state == "interrupted":
        st.warning(
            f"Its process ended without a word after {_epochs(status)}: it was killed, or the machine went down. "
            "At most one epoch is lost: resume it, and it goes on where it stood.",
            icon=":material/power_off:",
        )
    elif state == "cancelled":
        st.html(f'<p class="ll-sentence">Cancelled after {_epochs(status)}. What was reached stays.</p>')
        _say_next(status)
    if status is not None and state == status.state and status.active and time.time() - status.updated > SILENT:
        st.caption(f"No report for {about(time.time() - status.updated)}; the process is there, though.")


def _show_waiting(state: str, status: RunStatus) -> None:
    known = {
        "waiting": "It starts by itself when its turn comes",
        "preparing": "Reads the images, finds what is needed",
        "finishing": "The best epoch is measured on the test images",
    }
    said = status.message.rstrip(".")
    told = f"{said[:1].upper()}{said[1:]}." if said else ""
    st.html(f'<p class="ll-sentence">{escape(told)} <span class="ll-quiet">{known[state]}.</span></p>')


def _epochs(status: RunStatus) -> str:
    if not status.epochs:
        return "no epoch"
    return f"{status.epoch} of {status.epochs} epochs"


def _say_next(status: RunStatus) -> None:
    step = status.next_step or ""
    if step.startswith(COMMAND):
        st.markdown("How to go on: press Resume, or give this command.")
        st.code(step, language="bash", wrap_lines=True)
    elif step:
        st.markdown(f"How to go on: {quoted(step)}")


def _show_result(run: RunDirectory) -> None:
    card = card_of(run)
    if card is None:
        st.caption("The folder of its model cannot be read.")
        return
    lines = [_scored(score) for score in _scores(card)]
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    st.html(f'<ul class="ll-list">{told}</ul>' if lines else '<p class="ll-sentence">It has no test figures.</p>')


def _scored(score: CardScore) -> str:
    """A set's accuracy with its 95 % interval (Wilson 1927) and number of images."""
    counted = wilson(round(score.accuracy * score.images), score.images)
    ends = f" (95 % interval {interval(counted)})" if counted.defined else ""
    return f"{score.data}: accuracy {measured(score.accuracy)}{ends}, n = {score.images:,}"


def card_of(run: RunDirectory) -> ModelCard | None:
    """The card of the run's model, once there is one."""
    try:
        return read_card(run.path / "model" / "card.json")
    except InputError:
        return None


def _scores(card: ModelCard) -> list[CardScore]:
    return [score for score in (card.test, *card.unseen) if score is not None]


def _show_facts(run: RunDirectory, recipe: Recipe | None) -> None:
    facts, status = facts_of(run), run.status()
    rows = []
    if recipe is not None:
        stages = ", ".join(f"{stage.epochs} × {stage.size} px" for stage in recipe.stages)
        rows += [("Recipe", f"{recipe.name}, {recipe.architecture}"), ("Epochs by stage", stages)]
    if isinstance(facts.get("title"), str):
        rows.append(("Images", f"{facts['title']}{_total(facts)}"))
    if isinstance(facts.get("weights"), str) and facts["weights"]:
        rows.append(("First weights", str(facts["weights"])))
    skipped = facts.get("skipped")
    if isinstance(skipped, list) and skipped:
        images = "image" if len(skipped) == 1 else "images"
        rows.append(("Left out", f"{len(skipped):,} unreadable {images}, listed in data.json"))
    if status is not None and status.started:
        rows.append(("Begun", f"{ago(status.started)}; last report {ago(status.updated)}"))
    rows.append(("Folder", str(run.path)))
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value)[:300])}</dd></div>" for name, value in rows)
    with st.expander("What was trained, and where it lies"):
        st.html(f'<dl class="ll-facts">{cells}</dl>')


def _total(facts: dict[str, object]) -> str:
    counts = facts.get("counts")
    if not isinstance(counts, dict):
        return ""
    sides = {str(side): part for side, part in counts.items() if isinstance(part, dict)}
    sums = {side: sum(n for n in part.values() if isinstance(n, int)) for side, part in sides.items()}
    told = ", ".join(f"{sums[side]:,} to {title.lower()}" for side, title in SIDE_TITLES.items() if side in sums)
    return f": {told}" if told else ""


def _show_log(run: RunDirectory, expanded: bool) -> None:
    data, whole = read_end(run.path / OUTPUT, LOG_BYTES)
    lines = data.decode("utf-8", "replace").replace("\r", "\n").splitlines()
    kept = lines[-LOG_LINES:]
    text = "\n".join("".join(c for c in line if c.isprintable())[:400] for line in kept)
    with st.expander("Log", expanded=expanded):
        if not text.strip():
            st.caption("Nothing was written yet.")
            return
        if not whole or len(lines) > len(kept):
            st.caption(f"The last {len(kept)} lines; all of it is in {OUTPUT} of the run's folder.")
        st.code(text, language=None, wrap_lines=True)

"""The shared choices of one session, kept in step with the address and bound to widgets; and what was entered on the
Train page, kept while other pages are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import InputError
from dashboard import url

VALUES, PROBLEMS, PAGE = "choices", "choice-problems", "page-shown"
WRITTEN, EMPTY, RETURNED = "address-written", "address-empty", "address-returned"
FORMER, MOST_FORMER = "addresses-before", 20
_NOTHING = object()
MEMORY = "training-memory"


def begin(page: str) -> None:
    """Take the choices from the address when it changed (a link, the back button); `page` is the one now shown.

    A switch of pages empties the address: that keeps the choices, and the empty address then stands for them in the
    browser's history. Call once at the start of a full run.
    """
    query, session = st.query_params.to_dict(), st.session_state
    new = VALUES not in session
    switched = not new and session[PAGE] != page
    if not (new or switched) and _outdated(query):
        session[RETURNED] = False
        return
    if new:
        session[EMPTY], session[WRITTEN] = {}, query
    if new or (query and query != session[WRITTEN]):
        session[VALUES], session[PROBLEMS] = url.read(query)
    elif not query and session[WRITTEN] and not switched:
        session[VALUES] = session[EMPTY].get(page, url.read({})[0])
    if not query and (new or switched):
        session[EMPTY][page] = session[VALUES]
    session[RETURNED] = not (query or new or switched)
    session[PAGE] = page


def stay_out(page: str) -> None:
    """A page whose address is its own is shown: the shared choices stay as they are, and out of its address."""
    session = st.session_state
    if VALUES not in session:
        session[VALUES], session[PROBLEMS] = url.read({})
        session[EMPTY], session[WRITTEN], session[RETURNED] = {}, {}, False
    session[PAGE] = page


def _outdated(query: dict[str, str]) -> bool:
    """Whether a run brings an address that this session has left, without the reader having gone back to it.

    A browser that looks at work that goes on asks for runs by itself, some before it has heard of the new address.
    """
    context, former = get_script_run_ctx(), st.session_state.get(FORMER, [])
    went_back = context is not None and context.is_history_navigation
    return not went_back and query != st.session_state[WRITTEN] and query in former


def write_address() -> None:
    """Write the choices to the address, where they differ from it; what was invalid stays until it is chosen anew.

    An empty address that the back button returned to stays empty as long as it stands for the present choices, for a
    new entry in the history would keep the reader from going further back.
    """
    session = st.session_state
    if session[RETURNED] and session[VALUES] == session[EMPTY].get(session[PAGE]):
        session[WRITTEN] = {}
        return
    kept = {name: st.query_params[name] for name in session[PROBLEMS] if name in st.query_params}
    wanted = {**url.written(session[VALUES]), **kept}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    if session[WRITTEN] != wanted:
        session[FORMER] = [*session.get(FORMER, []), session[WRITTEN]][-MOST_FORMER:]
    session[WRITTEN] = wanted


def get(name: str) -> Any:
    """Return the choice `name`."""
    return st.session_state[VALUES][name]


def put(name: str, value: Any) -> None:
    """Make the choice `name`; a message about its former value goes."""
    st.session_state[VALUES] = {**st.session_state[VALUES], name: value}
    st.session_state[PROBLEMS].pop(name, None)


def reset(name: str) -> None:
    """Go back to the default of the choice `name`."""
    put(name, url.BY_NAME[name].default)


def problem(name: str) -> str | None:
    """Return what was wrong with this choice in the address, if anything was."""
    return st.session_state[PROBLEMS].get(name)


def say_problem(name: str) -> None:
    """Show, where the choice is used, what was wrong with it in the address and what stands in its place."""
    message = problem(name)
    if message:
        st.warning(message, icon=":material/link_off:")


def bound(
    name: str,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
    key: str = "",
) -> dict[str, Any]:
    """Return the arguments that tie a widget to the choice `name`, converted on the way there and back.

    The widget's value is set only where it differs, so that a slider that is being dragged is left alone.
    Two widgets for one choice need a `key` each. `from_widget` may return None to refuse a value
    (a pill switched off) or raise InputError, which is then told; either way the choice stays.
    """
    key = f"choice-{key or name}"
    value = to_widget(get(name))
    if st.session_state.get(key, _NOTHING) != value:
        st.session_state[key] = value
    return {"key": key, "on_change": _take, "args": (name, key, from_widget)}


def _take(name: str, key: str, from_widget: Callable[[Any], Any]) -> None:
    try:
        value = from_widget(st.session_state[key])
    except InputError as error:
        st.session_state[PROBLEMS][name] = str(error)
        return
    if value is not None:
        put(name, value)


def recall(name: str, default: Any = None) -> Any:
    """What was entered under `name`, or `default`."""
    return st.session_state.get(MEMORY, {}).get(name, default)


def remember(name: str, value: Any) -> None:
    """Keep `value` under `name`."""
    st.session_state[MEMORY] = {**st.session_state.get(MEMORY, {}), name: value}


def enter(name: str, value: Any) -> None:
    """Put `value` into the widget of that name, from a callback or before the widget is there."""
    remember(name, value)
    st.session_state[f"training-{name}"] = value


def forget(name: str) -> None:
    """Let the widget of that name begin with its default again; to be called as `enter`."""
    st.session_state[MEMORY] = {k: v for k, v in st.session_state.get(MEMORY, {}).items() if k != name}
    st.session_state.pop(f"training-{name}", None)


def kept(name: str, default: Any) -> dict[str, Any]:
    """Arguments that make a widget show what was entered before, else `default`, and remember what is entered.

    What nobody entered follows `default` when that changes.
    """
    key, value = f"training-{name}", recall(name, default)
    if st.session_state.get(key, _NOTHING) != value:
        st.session_state[key] = value
    return {"key": key, "on_change": _take_memory, "args": (name, key)}


def kept_option(name: str, options: list[Any], default: Any) -> dict[str, Any]:
    """As `kept`, for a choice among `options`: one that is gone gives way to `default`."""
    key = f"training-{name}"
    value = st.session_state.get(key, recall(name, default))
    st.session_state[key] = value if value in options else default
    return {"key": key, "on_change": _take_memory, "args": (name, key)}


def _take_memory(name: str, key: str) -> None:
    remember(name, st.session_state[key])

"""The shared choices of one session, kept in step with the address and bound to widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import address

VALUES, PROBLEMS, WRITTEN, PAGE = "choices", "choice-problems", "address-written", "page-shown"
_NOTHING = object()


def begin(page: str) -> None:
    """Take the choices from the address when it changed (a link, the back button); `page` is the one now shown.

    A switch of pages empties the address: that keeps the choices. Call once at the start of a full run.
    """
    query = st.query_params.to_dict()
    switched = st.session_state.get(PAGE, page) != page
    known = VALUES in st.session_state
    if not known or (query != st.session_state[WRITTEN] and (query or not switched)):
        st.session_state[VALUES], st.session_state[PROBLEMS] = address.read(query)
    st.session_state[PAGE] = page


def write_address() -> None:
    """Write the choices to the address, where they differ from it; what was invalid stays until it is chosen anew."""
    kept = {name: st.query_params[name] for name in st.session_state[PROBLEMS] if name in st.query_params}
    wanted = {**address.written(st.session_state[VALUES]), **kept}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[WRITTEN] = wanted


def get(name: str) -> Any:
    """Return the choice `name`."""
    return st.session_state[VALUES][name]


def put(name: str, value: Any) -> None:
    """Make the choice `name`; a message about its former value goes."""
    st.session_state[VALUES] = {**st.session_state[VALUES], name: value}
    st.session_state[PROBLEMS].pop(name, None)


def reset(name: str) -> None:
    """Go back to the default of the choice `name`."""
    put(name, address.BY_NAME[name].default)


def problem(name: str) -> str | None:
    """Return what was wrong with this choice in the address, if anything was."""
    return st.session_state[PROBLEMS].get(name)  # type: ignore[no-any-return]


def say_problem(name: str) -> None:
    """Show, where the choice is used, what was wrong with it in the address and what stands in its place."""
    message = problem(name)
    if message:
        st.warning(f"{message} The default is used instead.", icon=":material/link_off:")


def bound(
    name: str,
    to_widget: Callable[[Any], Any] = lambda value: value,
    from_widget: Callable[[Any], Any] = lambda value: value,
    key: str = "",
) -> dict[str, Any]:
    """Return the arguments that tie a widget to the choice `name`, converted on the way there and back.

    The widget's value is set only where it differs, so that a slider that is being dragged is left alone.
    Two widgets for one choice need a `key` each. `from_widget` may return None to refuse a value (a pill switched off); the choice then stays.
    """
    key = f"choice-{key or name}"
    value = to_widget(get(name))
    if st.session_state.get(key, _NOTHING) != value:
        st.session_state[key] = value
    return {"key": key, "on_change": _take, "args": (name, key, from_widget)}


def _take(name: str, key: str, from_widget: Callable[[Any], Any]) -> None:
    value = from_widget(st.session_state[key])
    if value is not None:
        put(name, value)

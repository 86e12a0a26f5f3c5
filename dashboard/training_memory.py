"""What a session has entered on the Train page, kept when it looks at other pages."""

from __future__ import annotations

from typing import Any

import streamlit as st

MEMORY = "training-memory"


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
    """Arguments that make a widget begin with what was entered before, and remember what is entered."""
    key = f"training-{name}"
    if key not in st.session_state:
        st.session_state[key] = recall(name, default)
    return {"key": key, "on_change": _take, "args": (name, key)}


def kept_option(name: str, options: list[Any], default: Any) -> dict[str, Any]:
    """As `kept`, for a choice among `options`: one that is gone gives way to `default`."""
    key = f"training-{name}"
    value = st.session_state.get(key, recall(name, default))
    st.session_state[key] = value if value in options else default
    return {"key": key, "on_change": _take, "args": (name, key)}


def _take(name: str, key: str) -> None:
    remember(name, st.session_state[key])

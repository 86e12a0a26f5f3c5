"""Charts of models side by side."""

from __future__ import annotations

import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

FEWEST, MOST = 3, 4  # columns: one model's chart alone is no wider than it reads well


def model_grid(count: int, key: str) -> GridContainer:
    """A grid with a cell for each of `count` models, one below the other where the screen is narrow."""
    return st.grid(min(max(count, FEWEST), MOST), min_column_width=218, gap=14, key=key)

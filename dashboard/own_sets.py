"""Cells of the data sets that lie on the server, beside the simulated ones: some of each class, brought as uploads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.data.datasets import found_sets, read_data
from core.data.known_sets import KNOWN
from core.data.loading import read_boxed
from core.errors import InputError
from dashboard import state, uploads
from dashboard.access import is_open
from dashboard.state import recall, remember
from dashboard.ui.format import quoted
from dashboard.ui.html import png_bytes

EACH = 2  # cells of a class that a press of the button brings
PRESSES, FAULT = "own-sets-presses", "own-sets-fault"


def offer_own_sets() -> None:
    """Offer cells of the known sets below LEUKOLENS_DATA, to those who may read the server's folders."""
    sets = sets_at_hand()
    if not sets:
        return
    name = st.selectbox(
        "Cells of your data sets", list(sets), format_func=lambda name: quoted(KNOWN[name].title), key="own-set"
    )
    st.button(
        f"Bring {EACH} cells of each class",
        key="own-set-bring",
        icon=":material/photo_library:",
        on_click=_bring,
        args=(name,),
        help="Drawn anew each time, of the set's test images where it has some. They count as uploads: called by "
        "number, their class kept back.",
    )
    if recall(FAULT, ""):
        st.error(quoted(recall(FAULT, "")), icon=":material/block:")


def sets_at_hand() -> tuple[str, ...]:
    """The known sets below LEUKOLENS_DATA, for those who may read the server's folders; none for others."""
    place = os.environ.get("LEUKOLENS_DATA", "")
    return _sets(place) if place and is_open() else ()


@st.cache_data(show_spinner=False, max_entries=2, ttl=120)
def _sets(place: str) -> tuple[str, ...]:
    try:
        return tuple(found_sets(Path(place)))
    except (OSError, InputError):
        return ()


def _bring(name: str) -> None:
    presses = int(recall(PRESSES, 0))
    remember(PRESSES, presses + 1)
    remember(FAULT, "")
    try:
        keys = [_brought(name, row) for row in drawn_cells(name, presses).itertuples()]
    except (InputError, OSError) as error:
        remember(FAULT, str(error))
        return
    if keys:
        state.put("image", keys[0])
        state.reset("pick")


def drawn_cells(name: str, seed: int, each: int = EACH) -> pd.DataFrame:
    """`each` rows of every class of a set, of its test images where it has some; InputError where it cannot be read."""
    table = read_data(Path(os.environ["LEUKOLENS_DATA"]), name).table
    table = table[table["split"] == "test"] if (table["split"] == "test").any() else table
    random = np.random.default_rng(seed)
    parts = [rows.iloc[random.permutation(len(rows))[:each]] for _, rows in table.groupby("label")]
    found = pd.concat(parts)
    return found.iloc[random.permutation(len(found))]


def _brought(name: str, row: Any) -> str:
    """One cell as an upload: as a file where it is one, else the part of it that its box names."""
    path = Path(row.path)
    if row.box:
        return uploads.add(f"{name}/{row.label}/{path.stem}.png", png_bytes(read_boxed(path, row.box)))
    return uploads.add(f"{name}/{row.label}/{path.name}", path.read_bytes())

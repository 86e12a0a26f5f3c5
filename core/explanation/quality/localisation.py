"""Where a map's evidence lies: shares and the pointing game, against the cell and its nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.explanation.context import CellMasks, scaled_mask
from core.explanation.quality.scores import SCORES, ScoreRow
from core.explanation.quality.similarity import Map, pointing, positive_share
from core.explanation.quality.wording import (
    NO_CELL,
    NO_EVIDENCE,
    NO_NUCLEUS,
    compared,
    pointing_sentence,
    relevance_sentence,
)

PLACED: tuple[str, ...] = (
    "relevance-cell",
    "relevance-nucleus",
    "relevance-background",
    "pointing-cell",
    "pointing-nucleus",
)


@dataclass(frozen=True, eq=False)
class Places:
    """The cell, the nucleus and what is outside the cell, `(S, S) bool`; None where not known, and `reason` why."""

    masks: dict[str, NDArray[np.bool_] | None]
    estimated: dict[str, bool]
    reason: str


def places(masks: CellMasks, side: int) -> Places:
    """The places that scores speak of, at a model's side."""
    guessed = {"cell": masks.estimated, "nucleus": True, "background": masks.estimated}
    if not masks.found:
        return Places(dict.fromkeys(guessed), guessed, NO_CELL)
    cell = scaled_mask(masks.cell, side)
    nucleus = None if masks.nucleus is None else scaled_mask(masks.nucleus, side)
    return Places({"cell": cell, "nucleus": nucleus, "background": ~cell}, guessed, NO_NUCLEUS)


def placement_row(name: str, values: Map, controls: dict[str, Map], known: Places) -> ScoreRow:
    """The row of a score `name`, "relevance-<place>" or "pointing-<place>", of a map `(S, S)` and the controls'."""
    kind, place = name.split("-")
    measure = positive_share if kind == "relevance" else pointing
    sentence = relevance_sentence if kind == "relevance" else pointing_sentence
    inside = known.masks[place]
    if inside is None:
        return ScoreRow(name, None, dict.fromkeys(controls), known.reason)
    others = {of: measure(control, inside) for of, control in controls.items()}
    value, area = measure(values, inside), float(inside.mean())
    if value is None:
        return ScoreRow(name, None, others, NO_EVIDENCE, area)
    text = sentence(value, place, area, known.estimated[place])
    return ScoreRow(name, value, others, f"{text} {compared(SCORES[name], value, others)}", area)

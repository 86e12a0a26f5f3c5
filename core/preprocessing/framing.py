"""What part of a picture goes into a model: the cut-out cell, the whole frame, or the masked cell of Islam et al."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.cutout import cut_out, square
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import crop_cell

FRAMINGS: dict[str, str] = {
    "cell": "cut-out cell",
    "frame": "whole frame",
    "masked": "masked cell",
    "islam": "masked cell (the paper's bounds)",
}
PAPER = CellParameters()  # Islam et al. 2024: their bounds, whatever the stain


@dataclass(frozen=True)
class View:
    """The picture that a model is shown: `rgb` `(h, w, 3) uint8`, and where it lies in the input.

    `box` `(x, y, w, h)` is in the input's coordinates and may reach past its border (reflected there). `found` is False
    where no cell was found and the whole frame stands in; `warnings` are sentences for the reader, `parameters`
    those of the pipeline (masked framings only).
    """

    rgb: NDArray[np.uint8]
    framing: str
    box: tuple[int, int, int, int]
    found: bool
    warnings: tuple[str, ...]
    parameters: CellParameters | None = None


def frame_image(rgb: NDArray[np.uint8], framing: str, parameters: CellParameters | None = None) -> View:
    """Frame `rgb` `(H, W, 3) uint8` as one of FRAMINGS.

    "masked" is cut by the pipeline with `parameters`, by default those that the automatic mode suggests for the image;
    "islam" by the same pipeline with the fixed bounds of the paper, to 120 px.
    """
    if framing == "cell":
        cut = cut_out(rgb)
        return View(cut.rgb, framing, cut.box, cut.found, () if cut.found else (_NOT_FOUND,))
    if framing == "frame":
        height, width = rgb.shape[:2]
        side = max(height, width)
        box = (-((side - width) // 2), -((side - height) // 2), side, side)
        return View(square(rgb), framing, box, True, ())
    if framing == "masked":
        return _masked(rgb, framing, parameters or suggest_parameters(rgb))
    if framing == "islam":
        return _masked(rgb, framing, PAPER)
    raise InputError(f"No framing {framing!r}. Known: {', '.join(FRAMINGS)}.")


_NOT_FOUND = "No cell found: the whole frame goes in."


def _masked(rgb: NDArray[np.uint8], framing: str, parameters: CellParameters) -> View:
    crop = crop_cell(rgb, parameters)
    if not crop.found or crop.box is None:
        whole = (0, 0, rgb.shape[1], rgb.shape[0])
        return View(square(rgb), framing, whole, False, (f"{_NOT_FOUND} {crop.reason}",), parameters)
    return View(crop.stages["resized"], framing, crop.box, True, (), parameters)


def framing_warning(framing: str, trained: str) -> str | None:
    """A sentence for a framing that a model was not trained on; None for its own."""
    if framing == trained:
        return None
    return f"Trained on the {FRAMINGS[trained]}, shown the {FRAMINGS[framing]}: this answer counts for little."

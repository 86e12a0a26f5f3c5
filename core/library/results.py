"""What the library's functions hand back: the engine's own results, which in a notebook show themselves with every
doubt about them, and which convert to numpy, to a Plotly figure and to `shap.Explanation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.render import picture
from core.library.charts import map_chart, probability_chart, shown_beside, stage_chart
from core.models.classifier import Prediction, resize
from core.preprocessing.framing import View
from core.preprocessing.pipeline import CellCrop

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import shap

STAGE_SIDE = 120  # px of a stage in the strip that a notebook shows


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CellPrediction(Prediction):
    """A `Prediction` of one picture: `logits` and `probabilities` `(K,) float32` in the order of `classes`.

    `predicted`, `confidence` and `margin` tell the answer. `seen` is what the model was shown: `seen.rgb`
    `(h, w, 3) uint8`, `seen.box` `(x, y, w, h)` in px of the picture given, `seen.found` whether there was a cell.
    `doubts` are sentences on what makes the answer worth little, `notes` on what was done to the picture when it was
    read (a colour profile converted, transparency laid over white).
    """

    seen: View
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return " ".join((f"{self.predicted} {self.confidence:.1%} ({self.model}).", *self.doubts))

    def to_numpy(self) -> NDArray[np.float32]:
        """The probabilities `(K,) float32` in the order of `classes`, each 0 to 1; they add up to 1."""
        return self.probabilities

    def to_plotly(self) -> go.Figure:
        """The probabilities as bars, in percent, the most probable class on top; the doubts stand in the title."""
        return probability_chart(repr(self), self.classes, self.probabilities)

    def _repr_html_(self) -> str:
        return shown_beside(repr(self), resize(self.seen.rgb, 224))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CellExplanation(Explanation):
    """An `Explanation` of one picture by one method, with the model's `prediction` of that picture.

    `values` `(K, S, S) float32` are the maps of `classes` over `view` `(S, S, 3) uint8`, in the unit of what the method
    `explains` ("logit" or "probability", the change of which they tell), unscaled. `signed` maps hold evidence against
    the class as negative values. `native` are the maps on the grid that they were computed on.
    """

    prediction: CellPrediction

    def __repr__(self) -> str:
        kind = METHODS[self.method]
        shown = ", ".join(self.classes)
        against = f" against {self.against}" if self.against else ""
        stopped = "" if self.complete else f" Stopped after {self.evaluations:,} of {self.budget:,} evaluations."
        return f"{kind.title} for {shown}{against}.{stopped} The answer: {self.prediction!r}"

    def to_numpy(self) -> NDArray[np.float32]:
        """The maps `(K, S, S) float32` in the order of `classes`, unscaled; S is the model's input side in px."""
        return self.values

    def to_plotly(self, classes: Sequence[str] | None = None, opacity: float = 0.6) -> go.Figure:
        """The maps of `classes` (all that are here by default) over the picture; pointing at one tells raw values.

        All share one scale. Signed maps run from blue (against) over a neutral 0 to red (for), others over cividis
        from 0; `opacity` is that of the map, 0 to 1. InputError for a class without a map and for another opacity.
        """
        chosen = tuple(classes or self.classes)
        missing = [name for name in chosen if name not in self.classes]
        if missing:
            raise InputError(f"There is no map of the class {missing[0]!r}. There are: {', '.join(self.classes)}.")
        if not 0 <= opacity <= 1:
            raise InputError(f"The opacity is {opacity}; give a number from 0 to 1.")
        return map_chart(repr(self), self, chosen, opacity)

    def to_shap(self) -> shap.Explanation:
        """The maps as a `shap.Explanation` of one picture, which shap's own plots take (`shap.plots.image`).

        `values` `(1, S, S, 1, K) float32`, `data` `(1, S, S, 3) uint8`, `output_names` the classes. Where the method
        shares an output out (SHAP, integrated gradients), `base_values` `(1, K)` is the logit before anything is
        shared, and base and values add up to the model's logit, up to the method's `gap`; a superpixel's value is
        spread evenly over its pixels. Values of other methods (Grad-CAM, RISE and so on) add up to nothing, and
        `base_values` is None. InputError where shap is not installed.
        """
        try:
            import shap
        except ImportError:
            raise InputError("The package shap is not installed: pip install shap.") from None
        values = np.moveaxis(self._shares(), 0, -1)[None, :, :, None, :]
        base = None if self.total is None else (self._outputs() - self.total)[None]
        return shap.Explanation(values, base, self.view[None], output_names=list(self.classes))

    def _shares(self) -> NDArray[np.float32]:
        """The maps `(K, S, S)`, where the method weighs superpixels that share an output, those spread evenly."""
        if self.regions is None or self.total is None:
            return self.values
        areas = np.bincount(self.regions.labels.ravel(), minlength=self.regions.weights.shape[1])
        each = self.regions.weights / np.maximum(areas, 1)
        return np.asarray(each[:, self.regions.labels], dtype=np.float32)

    def _outputs(self) -> NDArray[np.float32]:
        """The logits `(K,)` that are explained; of maps against a class, less that class's."""
        logits = dict(zip(self.prediction.classes, self.prediction.logits, strict=True))
        less = logits[self.against] if self.against else np.float32(0)
        return np.array([logits[name] - less for name in self.classes], dtype=np.float32)

    def _repr_html_(self) -> str:
        return shown_beside(repr(self), np.hstack([self.view, *(picture(self, name) for name in self.classes)]))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PreprocessedCell(CellCrop):
    """A `CellCrop` of one picture: every stage on the way, the cell's `box` and `mask`, or the `reason` for none.

    `mask` `(H, W) bool` and `box` `(x, y, w, h)`, px, are in the coordinates of the picture given; `stages` maps the
    names of `core.preprocessing.pipeline.STAGES` to pictures. `notes` as in `CellPrediction`.
    """

    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.box is None:
            return f"No cell found: {self.reason}."
        x, y, width, height = self.box
        return f"A cell of {width}x{height} px at ({x}, {y})."

    def to_numpy(self) -> NDArray[np.uint8]:
        """The last stage `(S, S, 3) uint8` RGB: the masked cell as Islam et al. feed it, or without one the frame."""
        return self.stages["resized"]

    def to_plotly(self) -> go.Figure:
        """All stages in a row, each with its name; the finding stands in the title."""
        return stage_chart(repr(self), self._pictures(224))

    def _pictures(self, side: int) -> dict[str, NDArray[np.uint8]]:
        """The stages as RGB `(side, side, 3)`, those of one channel in grey."""
        coloured = {name: _in_colour(stage) for name, stage in self.stages.items()}
        return {name: resize(stage, side) for name, stage in coloured.items()}

    def _repr_html_(self) -> str:
        return shown_beside(repr(self), np.hstack(list(self._pictures(STAGE_SIDE).values())))


def _in_colour(stage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return stage if stage.ndim == 3 else np.repeat(stage[:, :, None], 3, axis=2)


def prediction_with(prediction: Prediction, **more: Any) -> CellPrediction:
    """`prediction` as a `CellPrediction` with the fields `more`."""
    return CellPrediction(**vars(prediction), **more)


def explanation_with(explanation: Explanation, prediction: CellPrediction) -> CellExplanation:
    """`explanation` as a `CellExplanation` with the model's `prediction`."""
    return CellExplanation(**vars(explanation), prediction=prediction)


def preprocessed_with(crop: CellCrop, notes: tuple[str, ...]) -> PreprocessedCell:
    """`crop` as a `PreprocessedCell` with `notes`."""
    return PreprocessedCell(**vars(crop), notes=notes)

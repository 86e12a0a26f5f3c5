"""The scores of one map, as the page, the commands and the evidence bundle show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.scene import nbytes_of


@dataclass(frozen=True)
class ScoreRow:
    """One score: the map's value and that of each control map; None where there is none, and `sentence` says why.

    `chance` is what evidence spread evenly over the picture would have, where the score knows such a thing.
    """

    score: str
    value: float | None
    controls: Mapping[str, float | None]
    sentence: str
    chance: float | None = None

    def document(self) -> dict[str, Any]:
        """The row, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Curve:
    """Probability of the class `(n,)` against the share of pixels `(n,)` hidden or uncovered in a map's order.

    `kind` is "deletion", "insertion", "road-most" or "road-least" (painted over, the most or least relevant first);
    `of` is "map" or a control's name.
    """

    kind: str
    of: str
    shares: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.shares, self.probabilities)

    @property
    def area(self) -> float:
        """Area under the curve by the trapezium rule, per unit of share: the mean probability."""
        width = float(self.shares[-1] - self.shares[0])
        return float(np.trapezoid(self.probabilities, self.shares)) / width

    def document(self) -> dict[str, Any]:
        """The curve, ready for JSON."""
        return {
            "kind": self.kind,
            "of": self.of,
            "shares": [round(float(share), 6) for share in self.shares],
            "probabilities": [round(float(value), 6) for value in self.probabilities],
        }


@dataclass(frozen=True)
class Worth:
    """Scores and curves of one map, in the order of the registry, as far as they have been found.

    `mask` tells which outline of the cell they rest on: "estimated", "given" or "not found". `baseline` is what hid
    the pixels, `precision` the number format of the evaluations; `evaluations` are those that the scored map rested on,
    `seed` drew the random control map and the noise.
    """

    model: str
    method: str
    label: str
    rows: tuple[ScoreRow, ...]
    curves: tuple[Curve, ...]
    mask: str
    baseline: str = "blur"
    precision: str = "float32"
    evaluations: int = 1
    seed: int = 0

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        names = ("model", "method", "label", "mask", "baseline", "precision", "evaluations", "seed")
        plain = {name: getattr(self, name) for name in names}
        return plain | {
            "rows": [row.document() for row in self.rows],
            "curves": [curve.document() for curve in self.curves],
        }

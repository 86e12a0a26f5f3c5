"""What the comparison of one map with a reference library's came to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.explanation.engine import FAITHFUL

FLOOR = 1e-6  # of a logit or a probability: below it, float32's rounding is all there is to see

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReferenceCheck:
    """Our map and the reference library's of one class, `ours` and `theirs` `(S, S) float32`, on one scale.

    In float32 the maps agree where no pixel differs by more than `tolerance` times the reference's largest value; a map
    of ours in bfloat16, where values keep three digits, agrees where its rank correlation is at least FAITHFUL.
    `seconds` is what the library took, `our_seconds` what the engine took for all classes, if that was measured.
    """

    model: str
    method: str
    label: str
    library: str
    version: str
    ours: Map
    theirs: Map
    tolerance: float
    precision: str = "float32"
    seconds: float = 0.0
    our_seconds: float | None = None

    @cached_property
    def difference(self) -> Map:
        """Ours less theirs, `(S, S)`."""
        return np.asarray(self.ours - self.theirs, dtype=np.float32)

    @cached_property
    def largest_difference(self) -> float:
        """The largest absolute difference of a pixel; NaN where a map holds one."""
        return float(np.abs(self.difference).max())

    @cached_property
    def largest_value(self) -> float:
        """The largest absolute value of the reference's map."""
        return float(np.abs(self.theirs).max())

    @property
    def relative_difference(self) -> float:
        """The largest difference as a share of the largest value; 0 where both are 0."""
        if self.largest_difference == 0:
            return 0.0
        return self.largest_difference / self.largest_value if self.largest_value > 0 else float("inf")

    @cached_property
    def rank_correlation(self) -> float | None:
        """Spearman's, over pixels; None where a map is the same everywhere."""
        if np.ptp(self.ours) == 0 or np.ptp(self.theirs) == 0:
            return None
        return float(spearmanr(self.ours.ravel(), self.theirs.ravel()).statistic)

    @property
    def agrees(self) -> bool:
        """Whether the maps are the same as far as they can be."""
        if self.largest_difference <= max(self.tolerance * self.largest_value, FLOOR):
            return True
        ranks = self.rank_correlation
        return self.precision != "float32" and ranks is not None and ranks >= FAITHFUL

    @property
    def rule(self) -> str:
        """What decided: the tolerance, or the rank correlation where our map was computed in bfloat16."""
        if self.precision == "float32":
            return f"tolerance {100 * self.tolerance:g} % of the largest value"
        return f"ours in {self.precision}, a rank correlation of at least {FAITHFUL:g} is asked for"

    @property
    def sentence(self) -> str:
        """The result, for the reader."""
        share, ranks = 100 * self.relative_difference, self.rank_correlation
        alike = "" if ranks is None else f", rank correlation {ranks:.4f}"
        verdict = "agrees" if self.agrees else "DIFFERS"
        if not self.ours.any() and not self.theirs.any():
            return f"{verdict} with {self.library} {self.version}: both maps are 0 everywhere, no evidence to compare"
        return (
            f"{verdict} with {self.library} {self.version}: largest difference {self.largest_difference:.2g} "
            f"({share:.2g} % of the map's largest value{alike}; {self.rule})"
        )

    def document(self) -> dict[str, Any]:
        """The figures as a JSON-ready dict, without the maps."""
        return {
            "model": self.model,
            "method": self.method,
            "label": self.label,
            "library": self.library,
            "version": self.version,
            "largest_difference": self.largest_difference,
            "largest_value": self.largest_value,
            "relative_difference": self.relative_difference,
            "rank_correlation": self.rank_correlation,
            "tolerance": self.tolerance,
            "precision": self.precision,
            "rule": self.rule,
            "agrees": self.agrees,
            "seconds": self.seconds,
            "our_seconds": self.our_seconds,
        }

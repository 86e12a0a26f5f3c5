"""One map to be scored, and all that its scores are made from."""

from __future__ import annotations

from dataclasses import dataclass

from core.explanation.explanation import Explanation
from core.explanation.worth.measures import Map
from core.explanation.worth.order import ranks_pixels
from core.explanation.worth.probe import Probe
from core.explanation.worth.sentences import FLAT, NO_EVIDENCE


@dataclass(frozen=True, eq=False)
class Case:
    """The map `values` `(S, S)` of one class in `explanation`, the control maps, and the model to ask.

    `seed` draws the random map and ROAD's noise.
    """

    probe: Probe
    explanation: Explanation
    values: Map
    controls: dict[str, Map]
    seed: int

    @property
    def maps(self) -> dict[str, Map]:
        """The map, as "map", and the controls by name."""
        return {"map": self.values, **self.controls}

    @property
    def silence(self) -> str:
        """Why the map cannot be ranked, or ""."""
        if ranks_pixels(self.values):
            return ""
        return NO_EVIDENCE if self.values.max() <= 0 else FLAT

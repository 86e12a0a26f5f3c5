"""One method's maps of one model for one picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.explanation.controls import Settings
from core.explanation.estimator import Regions
from core.explanation.scene import nbytes_of


@dataclass(frozen=True)
class Explanation:
    """Unscaled maps: `values` `(K, S, S) float32` in the order of `classes`, over `view` `(S, S, 3) uint8`.

    `native` `(K, h, w) float32` are the same maps on the grid that they were computed on; `values` interpolates them.
    `signed` tells whether negative values mean evidence against. `explains` names the output that is explained.
    `error` is the standard error of `native`, `gap` the relative completeness gap `(K,)`, `regions` the superpixels and
    their weights: None where the method has no such thing. `evaluations` are the model evaluations it rests on, of
    `budget`; the rest says how it was made.
    """

    model: str
    method: str
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    native: NDArray[np.float32]
    view: NDArray[np.uint8]
    signed: bool
    explains: str
    error: NDArray[np.float32] | None = None
    gap: NDArray[np.float32] | None = None
    regions: Regions | None = None
    note: str = ""
    settings: Settings = field(default_factory=dict)
    seed: int | None = None
    precision: str = "float32"
    threads: int = 0
    evaluations: int = 1
    budget: int = 1

    def map_of(self, name: str) -> NDArray[np.float32]:
        """The map `(S, S)` of the class `name`."""
        return np.asarray(self.values[self.classes.index(name)])

    @property
    def nbytes(self) -> int:
        """Of its arrays; the view is the scene's."""
        return nbytes_of(self.values, self.native, self.error, self.gap, self.regions)

    @property
    def maxima(self) -> dict[str, float]:
        """The raw maximum of each class's map, on its native grid."""
        return {name: float(values.max()) for name, values in zip(self.classes, self.native, strict=True)}

    @property
    def complete(self) -> bool:
        """Whether the whole budget was spent, or more of it would have told nothing new."""
        return self.evaluations >= self.budget


def has_evidence(values: NDArray[np.float32]) -> bool:
    """Whether a map says anything at all: some value is not zero."""
    return bool(np.any(values != 0))

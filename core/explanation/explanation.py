"""One method's maps of one model for one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Explanation:
    """Unscaled maps: `values` `(K, S, S) float32` in the order of `classes`, over `view` `(S, S, 3) uint8`.

    `native` `(K, h, w) float32` are the same maps on the grid that they were computed on; `values` interpolates them.
    `signed` tells whether negative values mean evidence against. `explains` names the output that is explained.
    """

    model: str
    method: str
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    native: NDArray[np.float32]
    view: NDArray[np.uint8]
    signed: bool
    explains: str

    def map_of(self, name: str) -> NDArray[np.float32]:
        """The map `(S, S)` of the class `name`."""
        return np.asarray(self.values[self.classes.index(name)])

    @property
    def maxima(self) -> dict[str, float]:
        """The raw maximum of each class's map, on its native grid."""
        return {name: float(values.max()) for name, values in zip(self.classes, self.native, strict=True)}


def has_evidence(values: NDArray[np.float32]) -> bool:
    """Whether a map says anything at all: some value is not zero."""
    return bool(np.any(values != 0))

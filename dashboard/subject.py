"""The image that the page is about: a gallery cell or an upload."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Subject:
    """An image and what is known of it.

    `key` names it in the address, `title` on the page, `rgb` is (H, W, 3) uint8, `sha256` the content's hash,
    `label` the true class where it is known, `notes` sentences for the reader.
    """

    key: str
    title: str
    rgb: NDArray[np.uint8]
    sha256: str
    simulated: bool
    label: str | None
    detail: str
    notes: tuple[str, ...] = ()

    @property
    def alt(self) -> str:
        """What a reader who cannot see the picture is told; the class stays out, for a student is to find it."""
        return f"{self.title}: a stained blood smear, {self.rgb.shape[1]} by {self.rgb.shape[0]} pixels"

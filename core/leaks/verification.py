"""Whether two images show the same photograph: key points that agree on one similarity, then the pixels under it."""

from __future__ import annotations

from dataclasses import dataclass

from core.leaks.alignment import FEWEST, align
from core.leaks.fingerprint import Fingerprint
from core.leaks.likeness import likeness

MOST_ASKED, LEAST_ASKED = 0.80, 0.50  # likeness asked where few and where many points agree
A_POINT_MORE = 0.04
# smallest size of two groups, and the points and likeness that join them. Photographs of overlapping fields agree in
# part (up to some 25 points in BCCD's), copies among many of one photograph in far more
JOINING = ((3, 10, 0.75), (8, 30, 0.85))


@dataclass(frozen=True)
class Match:
    """What speaks for one photograph: the number of points that agree and the likeness of the pixels."""

    points: int
    likeness: float

    @property
    def same(self) -> bool:
        """Whether that is enough: the fewer points, the more the pixels must be alike."""
        asked = max(LEAST_ASKED, MOST_ASKED - A_POINT_MORE * (self.points - FEWEST))
        return self.points >= FEWEST and self.likeness >= asked

    def joins(self, size: int) -> bool:
        """Whether it does by itself to join two groups, the smaller of `size` images."""
        asked = [(points, likeness) for least, points, likeness in JOINING if size >= least]
        return self.same and all(self.points >= points and self.likeness >= likeness for points, likeness in asked)


def compare(first: Fingerprint, second: Fingerprint, mirrored: bool) -> Match:
    """Compare two images, the first one mirrored or not."""
    alignment = align(first, second, mirrored)
    if alignment is None:
        return Match(0, 0.0)
    return Match(alignment.points, likeness(first, second, alignment))

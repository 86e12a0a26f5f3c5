"""A picture halved into rectangles, and what each adds to a model's outputs in a given company."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float64]  # (K,)
Rectangle = tuple[int, int, int, int]  # top, bottom, left, right; bottom and right are not in it
Shown = tuple["Shown", Rectangle] | None  # rectangles kept, the last one first


class Part(NamedTuple):
    """A rectangle, the rest of the picture that is `shown` with it, and the outputs `before` and `after` it is added.

    `weight` is the share of the orders in which exactly that rest comes before it.
    """

    rectangle: Rectangle
    shown: Shown
    before: Logits
    after: Logits
    weight: float

    @property
    def credit(self) -> Logits:
        """What the rectangle adds to the outputs, weighted, `(K,)`."""
        return (self.after - self.before) * self.weight

    def children(self, only_first: Logits, only_second: Logits) -> list[Part]:
        """Both halves, each before and after the other, from the outputs with either half alone."""
        first, second = halves(self.rectangle)
        shown, weight = self.shown, self.weight / 2
        return [
            Part(first, shown, self.before, only_first, weight),
            Part(second, shown, self.before, only_second, weight),
            Part(first, (shown, second), only_second, self.after, weight),
            Part(second, (shown, first), only_first, self.after, weight),
        ]

    def masks(self, side: int) -> NDArray[np.bool_]:
        """What a picture of `side` px shows with either half alone, `(2, side, side)`."""
        both = np.zeros((2, side, side), dtype=bool)
        rest = self.shown
        while rest is not None:
            rest, (top, bottom, left, right) = rest
            both[:, top:bottom, left:right] = True
        for mask, (top, bottom, left, right) in zip(both, halves(self.rectangle), strict=True):
            mask[top:bottom, left:right] = True
        return both


def area(rectangle: Rectangle) -> int:
    """Pixels of a rectangle."""
    top, bottom, left, right = rectangle
    return (bottom - top) * (right - left)


def halves(rectangle: Rectangle) -> tuple[Rectangle, Rectangle]:
    """Halve the longer side, the height where both are equal; the first half is the smaller where it is odd."""
    top, bottom, left, right = rectangle
    if bottom - top >= right - left:
        middle = top + (bottom - top) // 2
        return (top, middle, left, right), (middle, bottom, left, right)
    middle = left + (right - left) // 2
    return (top, bottom, left, middle), (top, bottom, middle, right)

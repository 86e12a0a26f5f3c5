"""Sets that are joined two at a time (union-find, Tarjan 1975)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Forest:
    """The numbers 0 to n - 1, at first each in a set of its own."""

    def __init__(self, length: int) -> None:
        self._parent = list(range(length))
        self._size = [1] * length
        self.count = length

    def root(self, item: int) -> int:
        """The item that stands for the set of `item`."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def size(self, item: int) -> int:
        """How many are in the set of `item`."""
        return self._size[self.root(item)]

    def join(self, one: int, other: int) -> None:
        """Make one set of the sets of two items."""
        large, small = self.root(one), self.root(other)
        if large == small:
            return
        if self._size[large] < self._size[small]:
            large, small = small, large
        self._parent[small] = large
        self._size[large] += self._size[small]
        self.count -= 1

    def labels(self) -> NDArray[np.int64]:
        """A number for each item's set: 0, 1, 2, ... in the order in which sets first appear."""
        numbers: dict[int, int] = {}
        return np.array(
            [numbers.setdefault(self.root(item), len(numbers)) for item in range(len(self._parent))], dtype=np.int64
        )

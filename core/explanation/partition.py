"""How partition SHAP halves a picture: rectangles down to single pixels, or a tree of the reader's own regions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage

Rectangle = tuple[int, int, int, int]  # top, bottom, left, right; bottom and right are not in it
Piece = Rectangle | int  # an int is a node of a region tree


class Partition(ABC):
    """A binary tree of pieces of a picture of `side` px: the `root` is the whole, a leaf is not halved further."""

    root: Piece

    @abstractmethod
    def halves(self, piece: Piece) -> tuple[Piece, Piece]:
        """The two pieces that a piece is made of."""

    @abstractmethod
    def is_leaf(self, piece: Piece) -> bool:
        """Whether a piece is halved no further."""

    @abstractmethod
    def union(self, pieces: Iterable[Piece]) -> NDArray[np.bool_]:
        """The pixels of all `pieces`, `(S, S) bool`."""

    def spread(self, values: NDArray[np.float64], piece: Piece, credit: NDArray[np.float64]) -> None:
        """Add `credit` `(K,)` to `values` `(K, S, S)`, in even shares over the pixels of `piece`."""
        inside = self.union([piece])
        values[:, inside] += (credit / np.count_nonzero(inside))[:, None]


class Rectangles(Partition):
    """Rectangles halved across their longer side, down to pixels."""

    def __init__(self, side: int) -> None:
        self._side = side
        self.root = (0, side, 0, side)

    def halves(self, piece: Piece) -> tuple[Piece, Piece]:
        """As `halves`."""
        assert isinstance(piece, tuple)
        return halves(piece)

    def is_leaf(self, piece: Piece) -> bool:
        """Whether it is one pixel."""
        assert isinstance(piece, tuple)
        return area(piece) == 1

    def union(self, pieces: Iterable[Piece]) -> NDArray[np.bool_]:
        """As the base has it."""
        mask = np.zeros((self._side, self._side), dtype=np.bool_)
        for piece in pieces:
            assert isinstance(piece, tuple)
            top, bottom, left, right = piece
            mask[top:bottom, left:right] = True
        return mask

    def spread(self, values: NDArray[np.float64], piece: Piece, credit: NDArray[np.float64]) -> None:
        """As the base has it, without a mask."""
        assert isinstance(piece, tuple)
        top, bottom, left, right = piece
        values[:, top:bottom, left:right] += (credit / area(piece))[:, None, None]


class RegionTree(Partition):
    """Regions `labels` `(S, S)` of `picture` `(S, S, 3)`, neighbours in place and colour joined first.

    Ward's linkage of each region's mean place, in sides, and mean colour, in 255ths: the hierarchy that Owen's values
    depend on, chosen because no other is given. Node n is region n of those present, later ones are pairs, as scipy
    numbers them.
    """

    def __init__(self, labels: NDArray[np.int32], picture: NDArray[np.uint8]) -> None:
        present, numbers = np.unique(labels, return_inverse=True)
        self._labels = numbers.reshape(labels.shape)
        self._count = len(present)
        pairs = linkage(_features(self._labels, picture), "ward")[:, :2].astype(int).tolist() if self._count > 1 else []
        self._pairs: list[tuple[int, int]] = [(first, second) for first, second in pairs]
        self.root = 2 * self._count - 2
        members = list(np.eye(self._count, dtype=np.bool_))
        for first, second in self._pairs:
            members.append(members[first] | members[second])
        self._members: NDArray[np.bool_] = np.stack(members)  # of each node, which regions, (2n - 1, n)

    def halves(self, piece: Piece) -> tuple[Piece, Piece]:
        """The two nodes that were joined."""
        assert isinstance(piece, int)
        return self._pairs[piece - self._count]

    def is_leaf(self, piece: Piece) -> bool:
        """Whether it is one region."""
        assert isinstance(piece, int)
        return piece < self._count

    def union(self, pieces: Iterable[Piece]) -> NDArray[np.bool_]:
        """As the base has it."""
        inside: NDArray[np.bool_] = np.any(self._members[list(pieces)], axis=0)
        return inside[self._labels]


def _features(labels: NDArray[np.int_], picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    flat, areas = labels.ravel(), np.bincount(labels.ravel())
    rows, columns = np.indices(labels.shape) / labels.shape[0]
    channels = [rows, columns, *(picture[..., channel] / 255 for channel in range(3))]
    return np.stack([np.bincount(flat, values.ravel()) / areas for values in channels], axis=1)


def area(rectangle: Rectangle) -> int:
    """Pixels of a rectangle."""
    top, bottom, left, right = rectangle
    return (bottom - top) * (right - left)


def halves(rectangle: Rectangle) -> tuple[Rectangle, Rectangle]:
    """Halve the longer side, the height where both are equal; the first half is the larger where it is odd.

    shap's `Image` masker cuts the smaller half off first, but numbers its leaves from the last pixel, so that what its
    PartitionExplainer works with is that tree turned by 180 degrees.
    """
    top, bottom, left, right = rectangle
    if bottom - top >= right - left:
        middle = top + (bottom - top + 1) // 2
        return (top, middle, left, right), (middle, bottom, left, right)
    middle = left + (right - left + 1) // 2
    return (top, bottom, left, middle), (top, bottom, middle, right)

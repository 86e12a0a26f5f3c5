"""Occlusion: how much a class's logit falls when a window of the picture is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import BaselineSettings
from core.explanation.context import SIDE, nbytes_of
from core.explanation.method import Estimator, Maps, Method, Request, one_step
from core.explanation.perturbation import HiddenViews
from core.settings import choice_field, number_field


@dataclass(frozen=True)
class Lattice:
    """Positions of a `window` moved over a picture of `side` by `stride`, px; the last may reach beyond it."""

    side: int
    window: int
    stride: int

    @classmethod
    def of(cls, side: int, window: int, stride: float) -> Lattice:
        """Scale a window of a picture of SIDE px to one of `side` px; `stride` is a share of the window."""
        window = max(1, round(window * side / SIDE))
        return cls(side, window, max(1, round(stride * window)))

    @property
    def count(self) -> int:
        """Positions in each direction."""
        return 1 - (self.window - self.side) // self.stride

    def positions(self) -> list[tuple[int, int]]:
        """Top left corners: first those that just cover the picture, spread over it, then the rest likewise."""
        apart = max(1, self.window // self.stride)
        steps = range(self.count)
        coarse = {step for step in steps if step % apart == 0 or step == self.count - 1}
        cells = [(row, column) for row in steps for column in steps]
        cells.sort(key=lambda cell: (not (cell[0] in coarse and cell[1] in coarse), _spread(*cell)))
        return [(row * self.stride, column * self.stride) for row, column in cells]


class OcclusionSettings(BaselineSettings):
    """Settings of occlusion."""

    budget_name = "evaluations"

    evaluations: int = number_field(
        2000,
        2,
        12_000,
        "Evaluations",
        "Partly hidden pictures that the model is asked about, at most: it stops when the window was everywhere.",
    )
    window: Literal["8", "16", "24", "32", "48", "64"] = choice_field(
        "32",
        "Window",
        f"Side of the hidden square, px of a picture of {SIDE}; scaled to the model's own. Small ones show detail and "
        "leave enough for the model to go by.",
    )
    stride: float = number_field(
        0.5,
        0.25,
        1.0,
        "Stride",
        "How far the window moves, as a share of its side; smaller is smoother and takes more evaluations.",
    )


class OcclusionEstimator(Estimator):
    """For every pixel, the mean fall of each logit over the windows that hid it so far."""

    request: Request[OcclusionSettings]

    def __init__(self, request: Request[OcclusionSettings]) -> None:
        super().__init__(request)
        self._views = HiddenViews(request)
        lattice = Lattice.of(request.side, int(request.settings.window), request.settings.stride)
        self._window = lattice.window
        self._positions = lattice.positions()
        self._whole: NDArray[np.float64] | None = None  # (K,)
        self._hidden = 0  # positions done
        self._falls = np.zeros((len(request.classifier.card.classes), request.side, request.side))
        self._covers = np.zeros((request.side, request.side), dtype=np.int64)

    @property
    def evaluations(self) -> int:
        """The whole picture, and the positions so far."""
        return self._hidden + int(self._whole is not None)

    @property
    def done(self) -> bool:
        """Whether the budget is spent or the window was everywhere."""
        return self.evaluations >= self.budget or self._hidden == len(self._positions)

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._views, self._whole, self._falls, self._covers)

    def advance(self) -> None:
        """Hide some more windows."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        side = self._views.side
        if self._whole is None:
            self._whole = self._views.logits(np.ones((1, side, side), bool))[0]
            return
        places = self._positions[self._hidden :][: min(self._views.block, self.budget - self.evaluations)]
        windows = [(slice(top, top + self._window), slice(left, left + self._window)) for top, left in places]
        keep = np.ones((len(places), side, side), bool)
        for mask, window in zip(keep, windows, strict=True):
            mask[window] = False
        for logits, window in zip(self._views.logits(keep), windows, strict=True):
            self._falls[:, *window] += (self._whole - logits)[:, None, None]
            self._covers[window] += 1
        self._hidden += len(places)

    def maps(self) -> Maps:
        """Mean falls `(K, S, S)`, 0 where no window has been yet."""
        if self._whole is None:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        native = (self._falls / np.maximum(self._covers, 1)).astype(np.float32)
        note = "" if self._hidden == len(self._positions) else self._so_far()
        return Maps(native, note=note)

    def _so_far(self) -> str:
        seen = np.count_nonzero(self._covers) / self._covers.size
        rest = "" if seen == 1 else f" {100 * (1 - seen):.0f} % of the picture were never hidden and show 0."
        return f"{self._hidden:,} of {len(self._positions):,} positions of the window.{rest}"


def _spread(row: int, column: int, bits: int = 10) -> int:
    """Rank of a cell such that the first n of a lattice lie apart, for every n: the bits of both, interleaved and
    read from the last.
    """
    rank = 0
    for bit in range(bits):
        rank = rank << 2 | (row >> bit & 1) << 1 | (row ^ column) >> bit & 1
    return rank


OCCLUSION = Method(
    "occlusion",
    "Occlusion",
    "masks",
    True,
    "logit",
    "Zeiler & Fergus 2014, section 4.2",
    "Hides one window after the other and shows by how much the class's logit falls, for every pixel on average over "
    "the windows that hid it. Parts that can stand in for each other show little.",
    OcclusionEstimator,
    OcclusionSettings,
    averages=False,
    linear=True,
)

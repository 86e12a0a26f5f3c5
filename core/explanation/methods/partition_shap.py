"""Partition SHAP: Owen values of rectangles, or of the reader's regions, that are halved where most is to be learnt."""

from __future__ import annotations

import heapq
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import BaselineSettings
from core.explanation.context import nbytes_of
from core.explanation.method import Estimator, Maps, Method, Request, one_step
from core.explanation.partition import Partition, Piece, Rectangles, RegionTree
from core.explanation.perturbation import HiddenViews
from core.explanation.superpixels import OWN, lacks_regions, superpixels
from core.settings import choice_field, number_field

Logits = NDArray[np.float64]  # (K,)
Shown = tuple["Shown", Piece] | None  # pieces kept, the last one first

PART = 600  # bytes of a part: its tuples, and a new array of outputs for every second one
BATCH = 16  # evaluations between two decisions what to halve next; shap's `batch_size`


class Part(NamedTuple):
    """A piece, the rest of the picture that is `shown` with it, and the outputs `before` and `after` it is added.

    `weight` is the share of the orders in which exactly that rest comes before it.
    """

    piece: Piece
    shown: Shown
    before: Logits
    after: Logits
    weight: float

    @property
    def credit(self) -> Logits:
        """What the piece adds to the outputs, weighted, `(K,)`."""
        return (self.after - self.before) * self.weight

    def children(self, tree: Partition, only_first: Logits, only_second: Logits) -> list[Part]:
        """Both halves, each before and after the other, from the outputs with either half alone."""
        first, second = tree.halves(self.piece)
        shown, weight = self.shown, self.weight / 2
        return [
            Part(first, shown, self.before, only_first, weight),
            Part(second, shown, self.before, only_second, weight),
            Part(first, (shown, second), only_second, self.after, weight),
            Part(second, (shown, first), only_first, self.after, weight),
        ]

    def masks(self, tree: Partition) -> NDArray[np.bool_]:
        """What a picture shows with either half alone, `(2, S, S)`."""
        kept: list[Piece] = []
        rest = self.shown
        while rest is not None:
            rest, piece = rest
            kept.append(piece)
        return np.stack([tree.union([*kept, half]) for half in tree.halves(self.piece)])


class PartitionShapSettings(BaselineSettings):
    """Settings of partition SHAP."""

    budget_name = "evaluations"

    evaluations: int = number_field(
        500,
        10,
        10_000,
        "Evaluations",
        "Partly hidden pictures that the model is asked about; more of them divide the picture more finely.",
    )
    superpixels: Literal["rectangles", "own"] = choice_field(
        "rectangles",
        "Pieces",
        "What is halved: the picture, into rectangles down to single pixels; or own, the regions of a picture that you "
        "give, joined by place and colour.",
    )


class PartitionShap(Estimator):
    """Owen values by the recursion of shap's PartitionExplainer, which it equals at every even budget of rectangles.

    A piece's credit is divided between its halves, each added to the rest that is shown before or after the other;
    of all parts, those whose outputs differ most for some class go first, BATCH evaluations at a time. What is not
    divided yet is spread evenly over its pixels. Unlike shap, a pixel is not divided into its channels, and parts of
    equal priority go in the order they were found instead of at random.
    """

    request: Request[PartitionShapSettings]

    def __init__(self, request: Request[PartitionShapSettings]) -> None:
        super().__init__(request)
        self._views = HiddenViews(request)
        self._tree = _tree(request)
        self._ends: tuple[Logits, Logits] | None = None  # everything hidden, nothing hidden
        self._queue: list[tuple[float, int, Part]] = []
        self._found = 0  # parts so far, for the order among equals
        self._batch: list[Part] = []  # being divided now
        self._answers: list[NDArray[np.float64]] = []  # (2, K) for the first parts of the batch
        self._leaves: list[Part] = []
        self._divided: set[Piece] = set()
        self._evaluations = 0

    @property
    def evaluations(self) -> int:
        """Masks evaluated."""
        return self._evaluations

    @property
    def done(self) -> bool:
        """Whether the budget is spent or every pixel stands alone."""
        return self._evaluations >= self.budget or (self._ends is not None and not self._batch)

    @property
    def nbytes(self) -> int:
        """Of its own arrays, and about those of its parts, which are many and small."""
        return nbytes_of(self._views, self._ends) + PART * (len(self._queue) + len(self._batch) + len(self._leaves))

    def advance(self) -> None:
        """Divide some more pieces."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        if self._ends is None:
            self._start()
            return
        wanted = min(self._views.block // 2, (self.budget - self._evaluations + 1) // 2)
        parts = self._batch[len(self._answers) :][:wanted]
        masks = np.concatenate([part.masks(self._tree) for part in parts])  # (2n, S, S)
        self._answers += list(self._views.logits(masks).reshape(len(parts), 2, -1))
        self._evaluations += len(masks)
        if len(self._answers) == len(self._batch):
            self._commit()

    def _start(self) -> None:
        side = self._views.side
        hidden, whole = self._views.logits(np.stack([np.zeros((side, side), bool), np.ones((side, side), bool)]))
        self._ends = hidden, whole
        self._evaluations = 2
        self._push(Part(self._tree.root, None, hidden, whole, 1.0))
        self._refill()

    def _commit(self) -> None:
        for part, answer in zip(self._batch, self._answers, strict=True):
            self._divided.add(part.piece)
            for child in part.children(self._tree, *answer):
                self._push(child)
        self._answers = []
        self._refill()

    def _push(self, part: Part) -> None:
        surprise = float(np.abs(part.after - part.before).max()) * part.weight
        heapq.heappush(self._queue, (-surprise, self._found, part))
        self._found += 1

    def _refill(self) -> None:
        self._batch = []
        while self._queue and 2 * len(self._batch) < BATCH:
            part = heapq.heappop(self._queue)[2]
            (self._leaves if self._tree.is_leaf(part.piece) else self._batch).append(part)

    def maps(self) -> Maps:
        """Values of every pixel `(K, S, S)`; they add up to the whole picture's output less the baseline's."""
        if self._ends is None:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        side, (hidden, whole) = self._views.side, self._ends
        values = np.zeros((len(whole), side, side))
        for piece, credit in self._credits().items():
            self._tree.spread(values, piece, credit)
        native = values.astype(np.float32)
        gap = relative_gap(native.sum(axis=(1, 2), dtype=np.float64), whole - hidden)
        regions = len(self._divided.union(part.piece for part in self._batch[: len(self._answers)])) + 1
        note = f"The picture is divided into {regions:,} regions so far."
        return Maps(native, gap=gap, note=note, total=(whole - hidden).astype(np.float32))

    def _credits(self) -> dict[Piece, Logits]:
        answered = len(self._answers)
        parts = [part for *_, part in self._queue] + self._leaves + self._batch[answered:]
        for part, answer in zip(self._batch, self._answers, strict=False):
            parts += part.children(self._tree, *answer)
        credits: dict[Piece, Logits] = {}
        for part in parts:
            credits[part.piece] = credits.get(part.piece, 0.0) + part.credit
        return credits


def _tree(request: Request[PartitionShapSettings]) -> Partition:
    if request.settings.superpixels != OWN:
        return Rectangles(request.side)
    labels = superpixels(request.context, OWN, 0, request.side)
    return RegionTree(labels, request.context.picture(request.side))


def relative_gap(total: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float32]:
    """(total - wanted) / |wanted| `(K,)`; the plain difference where `wanted` is 0."""
    size = np.where(wanted == 0, 1.0, np.abs(wanted))
    return np.asarray((total - wanted) / size, dtype=np.float32)


PARTITION_SHAP = Method(
    "shap-partition",
    "SHAP (partition)",
    "masks",
    True,
    "logit",
    "Owen 1977; Lundberg & Lee 2017; the recursion of shap's PartitionExplainer",
    "Halves the picture again and again where it matters most, and shares what each rectangle adds to the class's "
    "logit between its halves. The values add up to the logit of the picture less that of the baseline.",
    PartitionShap,
    PartitionShapSettings,
    uncertainty="gap",
    averages=False,
    linear=True,
    misfit=lacks_regions,
)

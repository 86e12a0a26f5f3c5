"""What the explanation cases have in common: our models and picture, the same as a user of the upstream libraries has
them, how close an estimate is to its limit, and the row of the table that comes of it."""

from __future__ import annotations

import contextlib
import copy
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from core.explanation.baselines import baseline, of_superpixels
from core.explanation.context import ImageContext
from core.explanation.engine import start
from core.explanation.method import Estimator
from core.explanation.methods.lime import LimeSettings
from core.explanation.superpixels import superpixels
from core.models.classifier import FLOOR, Classifier, standardise
from core.models.staged import DTYPES
from core.preprocessing.framing import frame_image
from core.settings import Value
from core.simulation import gallery

Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Values = Callable[[Estimator], NDArray[np.floating]]

T = TypeVar("T")
LARGE = 10_000_000  # parameters
CELL = "neutrophil-1"  # of the gallery: the picture of every case
SAMPLES = 1000  # upstream's default
TOP_LABELS = 5  # upstream's default
LOUD = 0.01  # of the largest class's: a class whose reference adds up to less says nothing, its ranks are noise
GROWTH = 1.1


@dataclass(frozen=True)
class ModelPair:
    """A classifier of ours, and the upstream side: plain float32 network in the default layout, trainable as loaded."""

    classifier: Classifier

    @cached_property
    def view(self) -> NDArray[np.uint8]:
        """The framed picture that both explain."""
        image = next(cell for cell in gallery() if cell.key == CELL).cell().image
        return frame_image(image, self.classifier.card.framing).rgb

    def context(self) -> ImageContext:
        """A context that nothing is remembered of."""
        return ImageContext(self.view)

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        """The picture at the model's side, `(S, S, 3) uint8`."""
        return self.context().picture(self.classifier.card.input_size)

    @cached_property
    def network(self) -> nn.Module:
        """Our network's copy as a user would have it: NCHW, float32, gradients wanted of every weight."""
        plain = copy.deepcopy(self.classifier.network).to(memory_format=torch.contiguous_format)
        return plain.requires_grad_(True)

    @cached_property
    def wrapped(self) -> nn.Module:
        """The network with its standardisation in front: takes pixels `(N, 3, S, S)` in [0, 1]."""
        return _Standardised(self.network).eval()

    def logits(self, pictures: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits `(N, K)` of pictures `(N, S, S, 3)` in 0..255, in one batch, as in the libraries' examples."""
        with torch.no_grad():
            pixels = torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255).permute(0, 3, 1, 2).contiguous()
            return np.asarray(self.wrapped(pixels).numpy())

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities `(N, K)` as the page shows them."""
        logits = torch.from_numpy(self.logits(pictures))
        return np.asarray(torch.softmax(logits / self.classifier.card.temperature, dim=1).numpy())

    def fast_probabilities(self, precision: str) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
        """As `probabilities`, by our network for many evaluations."""
        network, dtype = self.classifier.inference_copy(precision), DTYPES[precision]

        def answer(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            with torch.no_grad():
                pixels = torch.from_numpy(np.asarray(pictures, dtype=np.float32) / 255).permute(0, 3, 1, 2)
                logits = network(standardise(pixels).to(dtype)).float()
            return np.asarray(torch.softmax(logits / self.classifier.card.temperature, dim=1).numpy())

        return answer

    def run(
        self,
        method: str,
        settings: Mapping[str, Value],
        seed: int = 0,
        precision: str = "auto",
        context: ImageContext | None = None,
    ) -> Estimator:
        """Our side, to the end of the budget, from a context that nothing is remembered of."""
        estimator = start(method, self.classifier, context or self.context(), settings, seed, precision)
        while not estimator.done:
            estimator.advance()
        estimator.maps()
        return estimator


class _Standardised(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        mean = pixels.mean(dim=(2, 3), keepdim=True)
        deviation = pixels.std(dim=(2, 3), keepdim=True)
        return self.network((pixels - mean) / (deviation + FLOOR))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that one call takes, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def medians(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each, all warmed up and then in turns, so that a busy moment meets all alike."""
    for work in works:
        work()
    taken = [[timed(work)[0] for work in works] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


def seconds_a_pass(classifier: Classifier, precision: str, batch: int = 8, rounds: int = 7) -> float:
    """Median seconds a picture of the model's passes alone, without gradients, in batches, in `precision`."""
    side = classifier.card.input_size
    network = classifier.inference_copy(precision)
    inputs = torch.randn(batch, 3, side, side).to(next(network.parameters()).dtype)
    inputs = inputs.contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            network(inputs)

    return medians([forward], rounds)[0] / batch


def lowest_correlation(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """The lowest Pearson correlation of two stacks `(K, ...)`, item by item; those that are constant are left out."""
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(ours, theirs, strict=True)]
    found = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs if a.std() > 0 and b.std() > 0]
    return min(found) if found else float("nan")


class LimeCase:
    """One model's settings, superpixels `labels` `(S, S)` and hidden picture, with default settings of our side."""

    def __init__(self, sides: ModelPair) -> None:
        self.sides = sides
        self.settings = LimeSettings()
        context, side = sides.context(), sides.picture.shape[0]
        cut, parts = self.settings.superpixels, self.settings.regions
        self.labels = superpixels(context, cut, parts, side)
        self.hidden = baseline(context, of_superpixels(self.settings.baseline, cut, parts), side)
        self.parts = int(self.labels.max()) + 1

    def upstream(
        self,
        samples: int = SAMPLES,
        masks: NDArray[np.bool_] | None = None,
        seed: int = 0,
        answers: Probabilities | None = None,
    ) -> NDArray[np.float64]:
        """Coefficients `(K, s)` by `LimeImageExplainer.explain_instance`, of its own masks or of those given.

        As in lime's README: 1,000 samples, five labels, batches of ten, and a classifier function that runs the model
        in its default layout in float32; or another, `answers`.
        """
        explainer = LimeImageExplainer(random_state=seed)
        if masks is not None:
            explainer.random_state = _Given(masks)
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            found = explainer.explain_instance(
                self.sides.picture,
                answers or self.sides.probabilities,
                top_labels=TOP_LABELS,
                hide_color=self.hidden,
                num_samples=samples,
                segmentation_fn=lambda picture: self.labels,
            )
        return coefficients(found, len(self.sides.classifier.card.classes), self.parts)


def coefficients(explanation: Any, classes: int, parts: int) -> NDArray[np.float64]:
    """`(K, s)` of lime's explanation, which lists them by size."""
    values = np.zeros((classes, parts))
    for label, pairs in explanation.local_exp.items():
        for part, weight in pairs:
            values[label, part] = weight
    return values


class _Given:
    """Stands in the place of lime's random state and gives the masks that it is told to."""

    def __init__(self, masks: NDArray[np.bool_]) -> None:
        self._masks = masks.astype(np.int64)

    def randint(self, low: int, high: int = 0, size: int = 0) -> Any:
        """The masks where masks are asked for; else lime draws the seed of a segmentation that is not used."""
        return self._masks.ravel() if size == self._masks.size else low


def fidelity(values: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mean Spearman correlation of maps `(K, ...)` with their references, over the classes that say anything."""
    totals = np.abs(reference).reshape(len(reference), -1).sum(axis=1)
    loud = np.flatnonzero(totals >= LOUD * totals.max())
    return float(np.mean([spearmanr(values[k].ravel(), reference[k].ravel()).statistic for k in loud]))


def first_as_faithful(
    estimators: Sequence[Estimator], values: Values, reference: NDArray[np.floating], wanted: float, most: int
) -> tuple[int, float] | None:
    """The least budget at which the median of the estimators' fidelities is `wanted`, and that median.

    Budgets grow by a tenth, from the one that the estimators were made with; each goes on from the last. None where
    `most` is not enough.
    """
    for budget in takewhile(lambda n: n <= most, _budgets(estimators[0].budget)):
        found = float(np.median([fidelity(values(_carried_on(one, budget)), reference) for one in estimators]))
        if found >= wanted:
            return budget, found
    return None


def _budgets(first: int) -> Iterator[int]:
    budget = first
    while True:
        yield budget
        budget = max(budget + 1, int(budget * GROWTH))


def _carried_on(estimator: Estimator, budget: int) -> Estimator:
    estimator.budget = budget
    while not estimator.done:
        estimator.advance()
    return estimator


def told(wanted: float, theirs: int, found: tuple[int, float] | None, rest: str) -> str:
    """The sentence of a row."""
    ours = f"{found[1]:.3f} at {found[0]} of ours" if found else "NOT reached by ours"
    return f"rank correlation {wanted:.3f} at {theirs} of upstream's, {ours}; {rest}"


@dataclass(frozen=True)
class BenchmarkRow:
    """Seconds of both sides for one case and model, `parity` the correlation of their results.

    `floor_s` is the measured cost of the model's passes alone that our side needs; None where a case has no such thing,
    as `upstream_s` and `parity` where there is nothing to compare with. `note` says what else a reader must know.
    """

    case: str
    model: str
    ours_s: float
    upstream_s: float | None = None
    parity: float | None = None
    floor_s: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times longer the upstream library took."""
        return None if self.upstream_s is None else self.upstream_s / self.ours_s

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "case": self.case,
            "model": self.model,
            "ours_s": _rounded(self.ours_s),
            "upstream_s": _rounded(self.upstream_s),
            "ratio": _rounded(self.ratio),
            "parity": _rounded(self.parity, 6),
            "floor_s": _rounded(self.floor_s),
            "note": self.note,
        }

    def line(self) -> str:
        """Readable."""
        parts = [f"{self.case:31} {self.model:19} ours {self.ours_s:8.3f} s"]
        if self.upstream_s is not None:
            parts.append(f"upstream {self.upstream_s:8.2f} s  {self.ratio:6.1f}x")
        if self.parity is not None:
            parts.append(f"parity {self.parity:.5f}")
        if self.floor_s is not None:
            parts.append(f"{self.ours_s / self.floor_s:.2f}x its passes alone")
        return "  ".join([*parts, self.note]).rstrip()


def total(rows: Sequence[BenchmarkRow], note: str = "") -> BenchmarkRow:
    """All models together: seconds added up, the lowest parity."""
    parities = [row.parity for row in rows if row.parity is not None]
    return BenchmarkRow(
        rows[0].case,
        "all",
        sum(row.ours_s for row in rows),
        _sum([row.upstream_s for row in rows]),
        min(parities, default=None),
        _sum([row.floor_s for row in rows]),
        note,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)

"""Explanations against measured causes: the effect of taking a part away from a drawn cell, beside the share of a
map's evidence on that part.

The idea is that of FunnyBirds (Hesse, Schaub-Meyer & Roth 2023, ICCV, "single deletion"): where parts can be taken away
one by one, a map's parts can be ranked against what taking them away did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import ImageContext, scaled_mask
from core.explanation.engine import Chosen, explain
from core.explanation.methods.registry import METHODS
from core.explanation.quality.control_maps import control_maps
from core.explanation.quality.similarity import positive_share, spearman
from core.laboratory.effects import probabilities_of
from core.laboratory.interventions import without_part
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image, framed_mask
from core.simulation import CellDesign, SimulatedCell, draw

RANKED = tuple(name for name, one in METHODS.items() if one.per_class)
"""The methods that can be ranked against causes. A map without a class, as EigenCAM's, has an arbitrary sign, and
what is taken away is ranked by what it does to one class."""

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]
MapsOf = Callable[[ImageContext, str], Mapping[str, Map]]

SMALLEST_PART = 0.005  # of the model's picture: a smaller part is left out
FEWEST_PARTS = 3  # of a cell, for a rank correlation to say anything
RESAMPLES = 2000


@dataclass(frozen=True)
class PartCauses:
    """Of one drawn cell and model: the class named, its `parts`, what taking each away took from that class's
    probability, its share of the picture (`areas`), and by method the share of positive evidence on each part, None
    where a map has no such evidence.
    """

    label: str
    parts: tuple[str, ...]
    effects: tuple[float, ...]
    areas: tuple[float, ...]
    shares: Mapping[str, tuple[float, ...] | None]

    def agreement(self, method: str, per_area: bool = False) -> float | None:
        """Rank correlation of effects and shares; None where one is constant, or there are too few parts.

        `per_area` divides each share by the part's share of the picture: a large part gets much of any map.
        """
        shares = self.shares.get(method)
        if shares is None or len(self.parts) < FEWEST_PARTS:
            return None
        dense = [share / area for share, area in zip(shares, self.areas, strict=True)]
        return rank_agreement(self.effects, dense if per_area else shares)


def rank_agreement(effects: Sequence[float], shares: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties given their mean rank; None where one of the two is constant."""
    return spearman(np.asarray(effects, dtype=np.float32), np.asarray(shares, dtype=np.float32))


def disjoint_parts(cell: SimulatedCell) -> dict[str, Mask]:
    """The parts of `REMOVALS` in a drawn cell, `(S, S) bool`, none over another: granules come first."""
    whole = cell.nucleus | cell.cytoplasm
    return {
        "nucleus": cell.nucleus & ~cell.granules,
        "granules": cell.granules,
        "cytoplasm": cell.cytoplasm & ~cell.granules,
        "surroundings": ~whole,
    }


def causes_of(
    classifier: Classifier,
    design: CellDesign,
    seed: int,
    methods: Sequence[str],
    settings: Mapping[str, Chosen] | None = None,
    size: int = 224,
) -> PartCauses:
    """Measure one drawn cell: effects of its parts, and their shares of the evidence of `methods` and control maps."""

    def maps_of(context: ImageContext, label: str) -> dict[str, Map]:
        found = explain(classifier, context, methods, [label], settings, seed=seed) if methods else {}
        side = classifier.card.input_size
        return {**{name: one.map_of(label) for name, one in found.items()}, **control_maps(context, side, seed)}

    return measured_causes(classifier, design, seed, maps_of, size)


def measured_causes(
    classifier: Classifier, design: CellDesign, seed: int, maps_of: MapsOf, size: int = 224
) -> PartCauses:
    """As `causes_of`, of whatever maps `maps_of` gives for the picture that the model sees and the class it names."""
    cell = draw(design, seed, size)
    view = frame_image(cell.image, classifier.card.framing)
    side = classifier.card.input_size
    masks = {}
    for name, mask in disjoint_parts(cell).items():
        try:
            scaled = scaled_mask(framed_mask(mask, cell.image, view), side)
        except InputError:  # nothing of it lies in the view
            continue
        if scaled.mean() >= SMALLEST_PART:
            masks[name] = scaled
    before, *after = probabilities_of(classifier, cell.image, [without_part(design, cell, name) for name in masks])
    named = int(before.argmax())
    label = classifier.card.classes[named]
    maps = maps_of(ImageContext(view.rgb), label)
    return PartCauses(
        label,
        tuple(masks),
        tuple(float(before[named] - row[named]) for row in after),
        tuple(float(mask.mean()) for mask in masks.values()),
        {name: _shares(values, list(masks.values())) for name, values in maps.items()},
    )


def _shares(values: Map, masks: Sequence[Mask]) -> tuple[float, ...] | None:
    shares = [positive_share(values, mask) for mask in masks]
    return None if any(share is None for share in shares) else tuple(float(share or 0.0) for share in shares)


@dataclass(frozen=True)
class MeanAgreement:
    """A mean rank correlation over `cells`, its 95 % bootstrap interval, and how many cells could not be ranked."""

    value: float | None
    low: float | None
    high: float | None
    cells: int
    left_out: int


def mean_agreement(found: Sequence[float | None], seed: int = 0) -> MeanAgreement:
    """The mean of the correlations there are, with the percentile interval of 2,000 resamples of cells."""
    values = np.array([value for value in found if value is not None], dtype=np.float64)
    left_out = len(found) - len(values)
    if len(values) < 2:
        value = float(values[0]) if len(values) else None
        return MeanAgreement(value, None, None, len(values), left_out)
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return MeanAgreement(float(values.mean()), float(low), float(high), len(values), left_out)

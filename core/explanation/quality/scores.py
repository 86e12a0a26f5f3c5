"""The registry of scores, and the scores of one map as the page, the commands and the evidence bundle show them. None
is ever folded into another: each says one thing about a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import nbytes_of

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class QualityScore:
    """What a score is: `better` says which way is good, "" where neither is; `margin` is what counts as a difference.

    `unit` is what its values are: a "probability", a "share" (both 0 to 1) or an "index".
    """

    name: str
    title: str
    unit: str
    better: Better
    needs_mask: bool
    help: str
    paper: str
    margin: float = 0.01


_ALL = (
    QualityScore(
        "deletion",
        "Deletion",
        "probability",
        "lower",
        False,
        "Area under the probability of the class while the pixels are hidden, the most relevant first: low where the "
        "map names what the model needs.",
        "Petsiuk et al. 2018",
    ),
    QualityScore(
        "insertion",
        "Insertion",
        "probability",
        "higher",
        False,
        "Area under the probability of the class while the pixels are uncovered, the most relevant first: high where "
        "what the map names is enough for the model.",
        "Petsiuk et al. 2018",
    ),
    QualityScore(
        "road",
        "ROAD",
        "probability",
        "higher",
        False,
        "How much more of the probability is left when the least relevant pixels are painted over from their "
        "neighbours than when as many of the most relevant are: the mean over 10 to 90 % of the pixels. What is "
        "painted over leaves no mask's outline that could give the class away.",
        "Rong et al. 2022",
    ),
    QualityScore(
        "relevance-cell",
        "Relevance in the cell",
        "share",
        "higher",
        True,
        "Share of the positive evidence that lies in the cell, nucleus and cytoplasm; evidence spread evenly would "
        "have the cell's share of the area.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    QualityScore(
        "relevance-nucleus",
        "Relevance in the nucleus",
        "share",
        "",
        True,
        "Share of the positive evidence that lies in the nucleus. Some classes are told by the nucleus, some by their "
        "granules: neither way is better.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    QualityScore(
        "relevance-background",
        "Relevance outside the cell",
        "share",
        "lower",
        True,
        "Share of the positive evidence that lies outside the cell: red cells, the empty field, the frame's border.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    QualityScore(
        "pointing-cell",
        "Pointing at the cell",
        "share",
        "higher",
        True,
        "1 where the map's maximum lies in the cell, 0 where it does not; of a maximum that is an area, the share of "
        "it. By chance it is the cell's share of the picture.",
        "Zhang et al. 2018, the pointing game",
    ),
    QualityScore(
        "pointing-nucleus",
        "Pointing at the nucleus",
        "share",
        "",
        True,
        "1 where the map's maximum lies in the nucleus, 0 where it does not. Neither is better.",
        "Zhang et al. 2018, the pointing game",
    ),
    QualityScore(
        "sparseness",
        "Sparseness",
        "index",
        "",
        False,
        "Gini index of the map's absolute values: 0 where all pixels weigh the same, 1 where one has all the weight. "
        "A sparse map is easier to read, not truer.",
        "Chalasani et al. 2020",
    ),
    QualityScore(
        "stability",
        "Stability over seeds",
        "index",
        "higher",
        False,
        "Mean rank correlation between the maps that three seeds give at the same number of evaluations: 1 where "
        "chance plays no part. A map that ignores the picture is perfectly stable.",
        "Alvarez-Melis & Jaakkola 2018 ask for it of small changes of the input; here the seed alone changes",
        margin=0.02,
    ),
)

SCORES: dict[str, QualityScore] = {entry.name: entry for entry in _ALL}

if len(SCORES) != len(_ALL):
    raise ValueError("two scores share a name")


def quality_score(name: str) -> QualityScore:
    """Return the score `name`; InputError lists the known ones."""
    try:
        return SCORES[name]
    except KeyError:
        raise InputError(f"No score {name!r}. Known: {', '.join(SCORES)}.") from None


@dataclass(frozen=True)
class ScoreRow:
    """One score: the map's value and that of each control map; None where there is none, and `sentence` says why.

    `chance` is what evidence spread evenly over the picture would have, where the score knows such a thing.
    """

    score: str
    value: float | None
    controls: Mapping[str, float | None]
    sentence: str
    chance: float | None = None

    def document(self) -> dict[str, Any]:
        """The row, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Curve:
    """Probability of the class `(n,)` against the share of pixels `(n,)` hidden or uncovered in a map's order.

    `kind` is "deletion", "insertion", "road-most" or "road-least" (painted over, the most or least relevant first);
    `of` is "map" or a control's name.
    """

    kind: str
    of: str
    shares: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.shares, self.probabilities)

    @property
    def area(self) -> float:
        """Area under the curve by the trapezium rule, per unit of share: the mean probability."""
        width = float(self.shares[-1] - self.shares[0])
        return float(np.trapezoid(self.probabilities, self.shares)) / width

    def document(self) -> dict[str, Any]:
        """The curve, ready for JSON."""
        return {
            "kind": self.kind,
            "of": self.of,
            "shares": [round(float(share), 6) for share in self.shares],
            "probabilities": [round(float(value), 6) for value in self.probabilities],
        }


@dataclass(frozen=True)
class Scoring:
    """Scores and curves of one map, in the order of the registry, as far as they have been found.

    `mask` tells which outline of the cell they rest on: "estimated", "given" or "not found". `baseline` is what hid
    the pixels, `precision` the number format of the evaluations; `evaluations` are those that the scored map rested on,
    `seed` drew the random control map and the noise.
    """

    model: str
    method: str
    label: str
    rows: tuple[ScoreRow, ...]
    curves: tuple[Curve, ...]
    mask: str
    baseline: str = "blur"
    precision: str = "float32"
    evaluations: int = 1
    seed: int = 0

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        names = ("model", "method", "label", "mask", "baseline", "precision", "evaluations", "seed")
        plain = {name: getattr(self, name) for name in names}
        return plain | {
            "rows": [row.document() for row in self.rows],
            "curves": [curve.document() for curve in self.curves],
        }

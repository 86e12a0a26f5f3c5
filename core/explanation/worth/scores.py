"""The registry of scores. None is ever folded into another: each says one thing about a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import InputError

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Score:
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
    Score(
        "deletion",
        "Deletion",
        "probability",
        "lower",
        False,
        "Area under the probability of the class while the pixels are hidden, the most relevant first: low where the "
        "map names what the model needs.",
        "Petsiuk et al. 2018",
    ),
    Score(
        "insertion",
        "Insertion",
        "probability",
        "higher",
        False,
        "Area under the probability of the class while the pixels are uncovered, the most relevant first: high where "
        "what the map names is enough for the model.",
        "Petsiuk et al. 2018",
    ),
    Score(
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
    Score(
        "relevance-cell",
        "Relevance in the cell",
        "share",
        "higher",
        True,
        "Share of the positive evidence that lies in the cell, nucleus and cytoplasm; evidence spread evenly would "
        "have the cell's share of the area.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    Score(
        "relevance-nucleus",
        "Relevance in the nucleus",
        "share",
        "",
        True,
        "Share of the positive evidence that lies in the nucleus. Some classes are told by the nucleus, some by their "
        "granules: neither way is better.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    Score(
        "relevance-background",
        "Relevance outside the cell",
        "share",
        "lower",
        True,
        "Share of the positive evidence that lies outside the cell: red cells, the empty field, the frame's border.",
        "Kohlbrenner et al. 2020, attribution localisation",
    ),
    Score(
        "pointing-cell",
        "Pointing at the cell",
        "share",
        "higher",
        True,
        "1 where the map's maximum lies in the cell, 0 where it does not; of a maximum that is an area, the share of "
        "it. By chance it is the cell's share of the picture.",
        "Zhang et al. 2018, the pointing game",
    ),
    Score(
        "pointing-nucleus",
        "Pointing at the nucleus",
        "share",
        "",
        True,
        "1 where the map's maximum lies in the nucleus, 0 where it does not. Neither is better.",
        "Zhang et al. 2018, the pointing game",
    ),
    Score(
        "sparseness",
        "Sparseness",
        "index",
        "",
        False,
        "Gini index of the map's absolute values: 0 where all pixels weigh the same, 1 where one has all the weight. "
        "A sparse map is easier to read, not truer.",
        "Chalasani et al. 2020",
    ),
    Score(
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
SCORES: dict[str, Score] = {entry.name: entry for entry in _ALL}
if len(SCORES) != len(_ALL):
    raise ValueError("two scores share a name")


def score(name: str) -> Score:
    """Return the score `name`; InputError lists the known ones."""
    try:
        return SCORES[name]
    except KeyError:
        raise InputError(f"No score {name!r}. Known: {', '.join(SCORES)}.") from None

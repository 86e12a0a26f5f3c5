"""The figures of a session: accuracy before and after the models' answers, reliance on them, agreement, and how hard
and how telling each cell was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.evaluation.intervals import Estimate, wilson
from core.teaching.agreement import (
    MISSING,
    Coefficient,
    Votes,
    multi_kappa,
    nominal_alpha,
    over_cells,
    pair_kappa,
    vote_counts,
)
from core.teaching.ballots import Vote

FEWEST = 3  # people that a correlation needs
BEFORE, AFTER = 1, 2


class SessionRecord(BaseModel):
    """Base of what is reported: read-only, and JSON by `model_dump`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassAccuracy(SessionRecord):
    """The share of right votes on cells of a class ("" for all cells), before and after the models' answers."""

    label: str
    before: Estimate
    after: Estimate


class Reliance(SessionRecord):
    """What a model's answer did to votes. `pulled_over`: of right votes that met a wrong answer, how many then took
    that answer; `helped`: of wrong votes that met a right answer, how many then took it."""

    model: str
    right: Estimate
    pulled_over: Estimate
    helped: Estimate


class RoundAgreement(SessionRecord):
    """Agreement in one round: among all (Fleiss, Krippendorff), and of all votes with the truth (Cohen)."""

    round: int
    fleiss: Coefficient
    krippendorff: Coefficient
    truth: Coefficient
    models: dict[str, Coefficient]


class CellFigures(SessionRecord):
    """One cell: its class, the class most voted for (None for a tie or no vote), votes by class, before and after.

    `right` are the shares of right votes, the first is the cell's difficulty; `discrimination` is the corrected
    item-total correlation; `disagreement` the share of pairs of first votes that differ; `changed` how many voted
    otherwise after the models' answers, `better` and `worse` how many of those came to be right, or ceased to be.
    `carried` first votes count as second ones, since others voted again and who gave them did not.
    """

    position: int
    truth: str | None
    consensus: tuple[str | None, str | None]
    votes: tuple[dict[str, int], dict[str, int]]
    right: tuple[Estimate, Estimate]
    discrimination: float | None
    disagreement: float | None
    changed: int
    better: int
    worse: int
    carried: int
    models: dict[str, str]


class SessionFigures(SessionRecord):
    """All figures of a session."""

    accuracy: tuple[ClassAccuracy, ...]
    reliance: tuple[Reliance, ...]
    agreement: tuple[RoundAgreement, ...]
    cells: tuple[CellFigures, ...]
    people: int


@dataclass(frozen=True)
class SessionData:
    """A session as numbers: `rounds` are two matrices `(people, cells)` of classes, `truth` `(cells,)`, and by model
    its answers `(cells,)`; MISSING where there is none.

    Where anybody voted a second time on a cell, the first votes of those who did not stand for both rounds, as they
    were told on their screens: to leave them out would make the class look more ready to change than it was. `carried`
    `(people, cells)` says which those are.
    """

    classes: tuple[str, ...]
    rounds: tuple[Votes, Votes]
    truth: Votes
    models: Mapping[str, Votes]
    carried: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        votes: Sequence[Vote],
        labels: Sequence[str | None],
        answers: Mapping[str, Sequence[str | None]],
        people: int,
        classes: Sequence[str],
    ) -> SessionData:
        """From votes and names. A name that is not among `classes` joins them."""
        named = [*(vote.label for vote in votes), *labels, *(one for given in answers.values() for one in given)]
        names = tuple(dict.fromkeys([*classes, *(name for name in named if name)]))
        rounds = tuple(np.full((people, len(labels)), MISSING, dtype=np.int64) for _ in range(2))
        for vote in votes:
            rounds[vote.round - 1][vote.number - 1, vote.position] = names.index(vote.label)
        models = {model: _numbers(given, names) for model, given in answers.items()}
        before, after = rounds
        carried = (before != MISSING) & (after == MISSING) & (after != MISSING).any(axis=0)
        after = np.where(carried, before, after)
        return cls(names, (before, after), _numbers(labels, names), models, carried)


def _numbers(labels: Sequence[str | None], names: tuple[str, ...]) -> Votes:
    return np.array([MISSING if not label else names.index(label) for label in labels], dtype=np.int64)


def session_figures(data: SessionData) -> SessionFigures:
    """Work out all figures; bootstrap intervals are seeded, so that the same votes give the same figures."""
    return SessionFigures(
        accuracy=tuple(_accuracies(data)),
        reliance=tuple(_reliance(data, name) for name in data.models),
        agreement=tuple(_agreement(data, number) for number in (BEFORE, AFTER) if _voted(data, number)),
        cells=tuple(_cell(data, place) for place in range(len(data.truth))),
        people=len(data.rounds[0]),
    )


def _voted(data: SessionData, number: int) -> bool:
    return bool((data.rounds[number - 1] != MISSING).any())


def _share(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> Estimate:
    return wilson(int((hits & of).sum()), int(of.sum()))


def _accuracies(data: SessionData) -> list[ClassAccuracy]:
    """Of all cells first, then class by class, of those that the deck holds."""
    known = [("", data.truth != MISSING)]
    known += [(name, data.truth == number) for number, name in enumerate(data.classes) if (data.truth == number).any()]
    found = []
    for label, cells in known:
        before, after = (
            _share(votes == data.truth, (votes != MISSING) & cells) for votes in data.rounds
        )  # fmt: skip
        found.append(ClassAccuracy(label=label, before=before, after=after))
    return found


def _reliance(data: SessionData, model: str) -> Reliance:
    before, after = data.rounds
    answer, truth = data.models[model], data.truth
    both = (before != MISSING) & (after != MISSING) & (answer != MISSING) & (truth != MISSING)
    right, wrong = answer == truth, answer != truth
    return Reliance(
        model=model,
        right=_share(right, (answer != MISSING) & (truth != MISSING)),
        pulled_over=_share(after == answer, both & wrong & (before == truth)),
        helped=_share(after == answer, both & right & (before != truth)),
    )


def _agreement(data: SessionData, number: int) -> RoundAgreement:
    votes = data.rounds[number - 1]
    counts = vote_counts(votes, len(data.classes))
    among = counts[counts.sum(axis=1) >= 2]
    return RoundAgreement(
        round=number,
        fleiss=over_cells(lambda cells: multi_kappa(among[cells]), len(among)),
        krippendorff=over_cells(lambda cells: nominal_alpha(among[cells]), len(among)),
        truth=_with(votes, data.truth),
        models={name: _with(votes, answer) for name, answer in data.models.items()},
    )


def _with(votes: Votes, answer: Votes) -> Coefficient:
    """Cohen's kappa of all votes with one answer a cell; whole cells are drawn anew for the interval."""
    kept = np.flatnonzero((votes != MISSING).any(axis=0) & (answer != MISSING))

    def kappa(cells: NDArray[np.int64]) -> float | None:
        chosen = kept[cells]
        return pair_kappa(votes[:, chosen].ravel(), np.tile(answer[chosen], len(votes)))

    return over_cells(kappa, len(kept))


def _cell(data: SessionData, place: int) -> CellFigures:
    before, after = (votes[:, place] for votes in data.rounds)
    truth, counts = data.truth[place], [_counted(votes[:, place], data.classes) for votes in data.rounds]
    both = (before != MISSING) & (after != MISSING)
    moved = both & (before != after)
    known = truth != MISSING
    return CellFigures(
        position=place,
        truth=data.classes[truth] if known else None,
        consensus=(_most(counts[0]), _most(counts[1])),
        votes=(counts[0], counts[1]),
        right=(_right(before, truth), _right(after, truth)),
        discrimination=discrimination(data, place),
        disagreement=pairs_that_differ(list(counts[0].values())),
        changed=int(moved.sum()),
        better=int((moved & (after == truth)).sum()) if known else 0,
        worse=int((moved & (before == truth)).sum()) if known else 0,
        carried=int(data.carried[:, place].sum()),
        models={name: data.classes[one[place]] for name, one in data.models.items() if one[place] != MISSING},
    )


def _right(votes: Votes, truth: int) -> Estimate:
    known = (votes != MISSING) & (truth != MISSING)
    return _share(votes == truth, known)


def _counted(votes: Votes, classes: Sequence[str]) -> dict[str, int]:
    return {name: int((votes == number).sum()) for number, name in enumerate(classes)}


def _most(counts: Mapping[str, int]) -> str | None:
    most = max(counts.values(), default=0)
    names = [name for name, count in counts.items() if count == most]
    return names[0] if most and len(names) == 1 else None


def pairs_that_differ(counts: Sequence[int]) -> float | None:
    """The share of pairs of votes that are for different classes; None for fewer than two votes."""
    total = sum(counts)
    if total < 2:
        return None
    return 1 - sum(count * (count - 1) for count in counts) / (total * (total - 1))


def discrimination(data: SessionData, place: int) -> float | None:
    """The corrected item-total correlation of a cell: being right on it (0 or 1) with the share right on all others.

    Over those who voted on it and on another cell, first votes alone. With no vote missing it is the correlation with
    the sum of the others. None for fewer than three people, or where either never varies.
    """
    votes, known = data.rounds[0], data.truth != MISSING
    if not known[place]:
        return None
    voted, right = (votes != MISSING) & known, (votes == data.truth) & known
    others = voted.copy()
    others[:, place] = False
    used = voted[:, place] & others.any(axis=1)
    if used.sum() < FEWEST:
        return None
    item = right[used, place].astype(np.float64)
    rest = (right & others)[used].sum(axis=1) / others[used].sum(axis=1)
    if np.ptp(item) == 0 or np.ptp(rest) == 0:
        return None
    return float(np.corrcoef(item, rest)[0, 1])


def most_disputed(figures: SessionFigures) -> list[CellFigures]:
    """The cells on which people differ, most first."""
    found = [cell for cell in figures.cells if cell.disagreement]
    return sorted(found, key=lambda cell: (-(cell.disagreement or 0), cell.position))

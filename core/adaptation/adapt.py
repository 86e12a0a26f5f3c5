"""Fitting a model to labelled cells of one laboratory, and finding out by cross-validation whether that helps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.adaptation.features import (
    Told,
    Views,
    features_of,
    has_batch_statistics,
    head_of,
    with_head,
    with_statistics_of,
)
from core.adaptation.head import PENALTIES, Floats, Labels, LinearHead, balanced_loss, fit_head
from core.data.split import fold_images
from core.errors import InputError
from core.evaluation.intervals import Estimate, Frozen, Z, wilson
from core.evaluation.metrics import card_score, fit_temperature
from core.models.card import CardScore
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork

FOLDS = 5
INNER_FOLDS = 4
FEWEST_LABELS = 5  # of each of two classes at least
MOST_LABELS = 2000
FEWEST_FOR_STATISTICS = 32  # pictures that batch statistics are estimated on at least
PSEUDO = 0.25  # cells
UNLABELLED = -1

Tell = Callable[[str, float], object]
"""Hears what is being done and the share of the whole work that is done, 0-1."""


class FitScore(Frozen):
    """Answers to the labelled cells: accuracy and each class's recall with Wilson's intervals, and the mean recall over
    the classes of FEWEST_LABELS cells or more.
    """

    accuracy: Estimate
    mean_recall: float
    recall: dict[str, Estimate]


class Gain(Frozen):
    """By how much the mean recall rises, before and after on the same cells, with a 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def in_words(self) -> str:
        """The gain in points, with its interval."""
        return f"{100 * self.value:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f})"


@dataclass(frozen=True)
class Choice:
    """What is changed: `statistics` of the batch normalisations, and the last layer with a `penalty`; None: neither."""

    statistics: bool
    penalty: float | None


@dataclass(frozen=True)
class Adaptation:
    """A fitted network, and what it brought on cells that each of its trials had not seen.

    `helps` tells whether the whole interval of the gain lies above 0, and the model is then better than one and the
    same answer to every cell (`beats_guessing`). `distances` `(N,)` are those of all pictures in the fitted network's
    feature space (empty where the model has none).
    """

    network: StagedNetwork
    choice: Choice
    before: FitScore
    after: FitScore
    gain: Gain
    beats_guessing: bool
    temperature: float
    labelled: dict[str, int]
    unlabelled: int
    folds: int
    distances: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def helps(self) -> bool:
        """Whether the gain is told from chance."""
        return self.choice.penalty is not None and self.gain.low > 0 and self.beats_guessing

    @property
    def verdict(self) -> str:
        """Whether the fit helps, in a sentence."""
        if self.helps:
            return "It helps: the interval of the gain lies above 0."
        if self.gain.low > 0 and not self.beats_guessing:
            return "It does not help: one and the same answer to every cell would be as good."
        if self.choice.penalty is None or self.gain.high <= 0:
            return "It does not help."
        return "Whether it helps cannot be told from chance with these labels."


def check_labels(labels: Labels, classes: Sequence[str]) -> None:
    """InputError where there are too few labelled cells to learn from and be judged by."""
    counts = {name: int((labels == number).sum()) for number, name in enumerate(classes)}
    there = {name: count for name, count in counts.items() if count}
    enough = [name for name, count in there.items() if count >= FEWEST_LABELS]
    if len(there) < 2:
        only = f"of one class alone, {next(iter(there))}" if there else "of no class"
        raise InputError(f"The labels are {only}. A fit needs two classes or more, with {FEWEST_LABELS} cells each.")
    if len(enough) < 2:
        told = ", ".join(f"{name} {count}" for name, count in there.items())
        raise InputError(
            f"Too few labels to fit and to judge by: {told}. Label {FEWEST_LABELS} cells or more of at least two "
            "classes; ten of each are better."
        )
    if sum(there.values()) > MOST_LABELS:
        raise InputError(f"Over {MOST_LABELS:,} labels: with as many, train a model (`python -m core train`).")


def adapt(
    classifier: Classifier, views: Views, labels: Labels, seed: int = 0, tell: Tell = lambda words, share: None
) -> Adaptation:
    """Fit `classifier` to framed pictures with `labels` `(N,)`: places in its classes, UNLABELLED for none.

    Two things may change: the statistics of its batch normalisations, estimated on all pictures, labelled or not, and
    its last layer (`fit_head`). Which, and how far, is chosen by cross-validation on the labelled cells; what that is
    worth is measured by a second one around it, so that no cell is judged by anything that saw its label. InputError as
    `check_labels`.
    """
    check_labels(labels, classifier.card.classes)
    networks = _networks(classifier, views, seed, tell)
    found = [
        features_of(classifier, network, views, _telling(tell, "Asking the network", 0.3 + 0.25 * number, 0.25))
        for number, network in enumerate(networks.values())
    ]
    known = labels != UNLABELLED
    variants = dict(zip(networks, (features[known] for features, _ in found), strict=True))
    first, own = head_of(classifier.network), labels[known]
    folds = min(FOLDS, int(np.bincount(own)[np.bincount(own) >= FEWEST_LABELS].min()))
    before, after = first.logits(variants[False]), np.zeros((len(own), len(first.bias)))
    for number, (train, test) in enumerate(_parts(own, folds, seed)):
        tell("Cross-validation", 0.8 + 0.18 * number / folds)
        choice = _choose({key: rows[train] for key, rows in variants.items()}, own[train], first, seed)
        after[test] = _fitted(variants, train, own, first, choice).logits(variants[choice.statistics][test])
    right = (before.argmax(axis=1) == own, after.argmax(axis=1) == own)
    choice = _choose(variants, own, first, seed)
    head = _fitted(variants, np.arange(len(own)), own, first, choice)
    tell("Done", 1.0)
    return Adaptation(
        network=with_head(networks[choice.statistics], head),
        choice=choice,
        before=_score(right[0], own, classifier.card.classes),
        after=_score(right[1], own, classifier.card.classes),
        gain=paired_gain(*right, own),
        beats_guessing=all(paired_gain(own == label, right[1], own).low > 0 for label in _counted(own)),
        temperature=fit_temperature(after, own),
        labelled={name: int((own == number).sum()) for number, name in enumerate(classifier.card.classes)},
        unlabelled=int((~known).sum()),
        folds=folds,
        distances=_distances(classifier, found[list(networks).index(choice.statistics)][1]),
        notes=_notes(own, classifier.card.classes, len(views), len(networks) > 1, classifier.network),
    )


def _networks(classifier: Classifier, views: Views, seed: int, tell: Tell) -> dict[bool, StagedNetwork]:
    """The network as it is (False), and with batch statistics of these pictures (True) where that can be had."""
    networks = {False: classifier.network}
    if has_batch_statistics(classifier.network) and len(views) >= FEWEST_FOR_STATISTICS:
        told = _telling(tell, "Estimating batch statistics", 0.05, 0.25)
        networks[True] = with_statistics_of(classifier, views, seed, told)
    return networks


def _telling(tell: Tell, words: str, start: float, span: float) -> Told:
    return lambda done, all_of_it: tell(words, start + span * done / all_of_it)


def _parts(labels: Labels, folds: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and test places of each fold, every class dealt out evenly."""
    fold = fold_images(labels, folds, np.random.default_rng(seed))
    for number in range(folds):
        test = np.flatnonzero(fold == number)
        if len(test):
            yield np.flatnonzero(fold != number), test


def _choose(variants: dict[bool, Floats], labels: Labels, first: LinearHead, seed: int) -> Choice:
    """The choice with the least balanced loss in a cross-validation of its own; of equal ones, the least change."""
    parts = list(_parts(labels, INNER_FOLDS, seed + 1))
    best, least = Choice(False, None), balanced_loss(first.logits(variants[False]), labels)
    for statistics, rows in variants.items():
        for penalty in reversed(PENALTIES):
            logits = np.zeros((len(labels), len(first.bias)))
            for train, test in parts:
                logits[test] = fit_head(rows[train], labels[train], first, penalty).logits(rows[test])
            loss = balanced_loss(logits, labels)
            if loss < least:
                best, least = Choice(statistics, penalty), loss
    return best


def _fitted(
    variants: dict[bool, Floats], train: NDArray[np.int64], labels: Labels, first: LinearHead, choice: Choice
) -> LinearHead:
    if choice.penalty is None:
        return first
    return fit_head(variants[choice.statistics][train], labels[train], first, choice.penalty)


def _score(right: NDArray[np.bool_], labels: Labels, classes: Sequence[str]) -> FitScore:
    there = {name: labels == number for number, name in enumerate(classes) if (labels == number).any()}
    return FitScore(
        accuracy=wilson(int(right.sum()), len(labels)),
        mean_recall=float(np.mean([right[labels == label].mean() for label in _counted(labels)])),
        recall={name: wilson(int(right[own].sum()), int(own.sum())) for name, own in there.items()},
    )


def paired_gain(before: NDArray[np.bool_], after: NDArray[np.bool_], labels: Labels) -> Gain:
    """The gain in mean recall from who was right `before` and `after` `(N,)`, and its interval.

    In each class the difference of two paired shares has Wald's variance, with PSEUDO cells added to those gained, to
    those lost, and to those right twice and wrong twice (Agresti & Min 2005, Stat. Med. 24, who add half a cell to each
    of the four of one table): without them the interval of a few cells that all agree would be of no width.
    """
    values, centres, variances = [], [], []
    for label in _counted(labels):
        own = labels == label
        gained, lost = int((after & ~before & own).sum()), int((before & ~after & own).sum())
        count = int(own.sum()) + 4 * PSEUDO
        centre = (gained - lost) / count
        values.append((gained - lost) / int(own.sum()))
        centres.append(centre)
        variances.append(((gained + lost + 2 * PSEUDO) / count - centre**2) / count)
    reach = Z * math.sqrt(sum(variances)) / len(values)
    middle = float(np.mean(centres))
    return Gain(value=float(np.mean(values)), low=max(-1.0, middle - reach), high=min(1.0, middle + reach))


def _counted(labels: Labels) -> list[int]:
    """Classes with enough labels to count in the mean recall."""
    found, counts = np.unique(labels, return_counts=True)
    return [int(label) for label, count in zip(found, counts, strict=True) if count >= FEWEST_LABELS]


def _distances(classifier: Classifier, pooled: Tensor) -> tuple[float, ...]:
    space = classifier.feature_space
    return () if space is None else tuple(float(value) for value in space.distance(pooled))


def _notes(
    labels: Labels, classes: Sequence[str], pictures: int, estimated: bool, network: StagedNetwork
) -> tuple[str, ...]:
    """What the reader should know of the labels and of what could not be tried."""
    counts = {name: int((labels == number).sum()) for number, name in enumerate(classes)}
    none = [name for name, count in counts.items() if not count]
    few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEWEST_LABELS]
    notes = [f"No labels for {', '.join(none)}: they stay as they were trained."] if none else []
    notes += [f"Few labels for {', '.join(few)}: how well they are named cannot be told."] if few else []
    if not estimated and has_batch_statistics(network):
        notes.append(f"Batch statistics stay as trained: {pictures} pictures are under {FEWEST_FOR_STATISTICS}.")
    return tuple(notes)


def drawn_labels(labels: Labels, each: int, seed: int) -> Labels:
    """`each` labels of every class, drawn by `seed`, and UNLABELLED for the rest."""
    random, drawn = np.random.default_rng(seed), np.full(len(labels), UNLABELLED)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))[:each]
        drawn[places] = label
    return drawn


def held_out_scores(classifier: Classifier, found: Adaptation, views: Views, labels: Labels) -> dict[str, CardScore]:
    """Figures "before" and "after" on cells `labels` `(N,)` that the fit did not see the labels of."""
    scores = {}
    for name, network in (("before", classifier.network), ("after", found.network)):
        features, _ = features_of(classifier, network, views, lambda done, all_of_it: None)
        answers = head_of(network).logits(features).argmax(axis=1)
        scores[name] = card_score("cells whose labels were not used", labels, answers, classifier.card.classes)
    return scores
